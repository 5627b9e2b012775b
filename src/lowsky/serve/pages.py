"""The files of the page, read once, each with its ETag and its gzip. A table lookup: no path reaches the disk."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from litestar import Response

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}
COMPRESSED = (".html", ".css", ".js", ".mjs", ".svg", ".txt")


@dataclass(frozen=True, slots=True)
class Page:
    media_type: str
    body: bytes
    zipped: bytes | None
    etag: str


def read_pages(root: Path = STATIC) -> dict[str, Page]:
    """Path below ``root`` with forward slashes → page. Only the types of ``TYPES``."""
    pages = {}
    for path in sorted(root.rglob("*")):
        if path.suffix in TYPES and path.is_file():
            body = path.read_bytes()
            zipped = gzip.compress(body, 6, mtime=0) if path.suffix in COMPRESSED else None
            etag = '"' + hashlib.sha256(body).hexdigest()[:24] + '"'
            pages[path.relative_to(root).as_posix()] = Page(TYPES[path.suffix], body, zipped, etag)
    return pages


def answer(page: Page | None, accept_encoding: str, if_none_match: str) -> Response[bytes]:
    """200 (gzip where it is accepted), 304 or 404."""
    if page is None:
        return Response(b"not found\n", status_code=404, media_type="text/plain")
    headers = {"etag": page.etag, "cache-control": "no-cache", "vary": "accept-encoding"}
    if if_none_match == page.etag:
        return Response(b"", status_code=304, headers=headers)
    body = page.body
    if page.zipped is not None and "gzip" in accept_encoding:
        body = page.zipped
        headers["content-encoding"] = "gzip"
    return Response(body, media_type=page.media_type, headers=headers)
