"""The zip around a bundle: written plainly, and read as if its sender were hostile.

What could hurt is refused before anything of it is unpacked: the directory at the end is measured before it is read,
and a part is never longer than its kind may be.
"""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from lowsky.errors import LowskyError
from lowsky.wire.shown import shown

MANIFEST = "manifest.json"
MEBI = 1 << 20
MOST_BYTES = {
    MANIFEST: MEBI, "README.txt": MEBI, "report.html": 128 * MEBI, "site.toml": 64 * MEBI, "alert.json": 64 * MEBI,
    "events.jsonl": 512 * MEBI, "tracks.jsonl": 512 * MEBI, "state.bin": 512 * MEBI,
}  # fmt: skip
SEGMENT = re.compile(r"recording/\d{6}-\d{8}T\d{2}Z\.parquet")
MOST_SEGMENT_BYTES = 1024 * MEBI
MOST_ENTRIES = 64
MOST_UNPACKED = 2048 * MEBI
MOST_DIRECTORY = 64 << 10
OTHER_BYTES = MEBI  # of a part that is none of ours; it is named, and never read
_END = struct.Struct("<4s4H2LH")
_WHEN = (1980, 1, 1, 0, 0, 0)  # the archive's own times say nothing; the manifest's do


class NotABundle(LowskyError):
    """The file is no evidence bundle, or one that nobody should open."""


class Damaged(LowskyError):
    """A part cannot be unpacked. ``name`` says which."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"changed: {name} ({why})")
        self.name = name


def write_archive(path: Path, parts: Sequence[tuple[str, bytes | Path]]) -> None:
    """Whole or not at all. Raises ``LowskyError``."""
    beside = path.with_name(path.name + ".part")
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, allowZip64=False) as archive:
            for name, content in parts:
                about = zipfile.ZipInfo(name, _WHEN)
                about.compress_type = zipfile.ZIP_DEFLATED
                about.external_attr = 0o644 << 16
                archive.writestr(about, content if isinstance(content, bytes) else content.read_bytes())
        beside.replace(path)
    except (OSError, zipfile.LargeZipFile) as error:
        raise LowskyError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        beside.unlink(missing_ok=True)


class Archive:
    """A bundle's parts, by name, in their order. Raises ``NotABundle``. Use it in a ``with``."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] | None = None
        try:
            if not path.is_file():
                raise NotABundle("no such file" if not path.exists() else "no plain file")
            self._file = path.open("rb")
            _measure(self._file)
            self._zip = zipfile.ZipFile(self._file)
            self._parts = _looked_at(self._zip.infolist())
        except OSError as error:
            self._close()
            raise NotABundle(f"{path}: cannot be read: {error.strerror or error}") from None
        except (NotABundle, zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            self._close()
            raise NotABundle(f"{path}: not an evidence bundle: {shown(str(error), 200)}") from None
        self.names = list(self._parts)

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def size(self, name: str) -> int:
        """As the archive says; ``read`` finds out."""
        return self._parts[name].file_size

    def read(self, name: str) -> bytes:
        """The part, unpacked. Raises ``Damaged``."""
        about = self._parts[name]
        try:
            with self._zip.open(about) as stream:
                content = stream.read(about.file_size + 1)
        except (
            OSError,
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            raise Damaged(name, shown(str(error), 100) or type(error).__name__) from None
        if len(content) != about.file_size:
            raise Damaged(name, "is not as long as the archive says")
        return content


def _measure(file: IO[bytes]) -> None:
    """The end record has to be the last bytes, and the directory right before it, small. Raises ``NotABundle``."""
    size = file.seek(0, 2)
    if size < _END.size:
        raise NotABundle("shorter than an empty zip")
    file.seek(size - _END.size)
    magic, disk, first_disk, here, entries, length, offset, comment = _END.unpack(file.read(_END.size))
    if magic != b"PK\x05\x06" or comment:
        raise NotABundle("no zip, or one with something behind it")
    if disk or first_disk or here != entries or entries > MOST_ENTRIES or length > MOST_DIRECTORY:
        raise NotABundle(f"{entries:,} entries in {length:,} bytes; at most {MOST_ENTRIES}")
    if offset + length + _END.size != size:
        raise NotABundle("the zip has something before, in or behind it that is no part of it")
    file.seek(0)


def _looked_at(found: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """By name. Raises ``NotABundle`` for what no honest bundle has."""
    parts: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for about in found:
        name, mode = about.filename, about.external_attr >> 16
        said = shown(about.orig_filename, 60)
        is_safe = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*", about.orig_filename)
        if not is_safe or name != about.orig_filename or len(name) > 100:
            raise NotABundle(f"an entry called {said!r}: only plain names are read")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise NotABundle(f"{said} is no plain file")
        if name in parts:
            raise NotABundle(f"{said} is in it twice")
        if about.flag_bits & ~0x800 or about.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotABundle(f"{said} is encrypted, streamed or packed in another way")
        most = MOST_BYTES.get(name, MOST_SEGMENT_BYTES if SEGMENT.fullmatch(name) else OTHER_BYTES)
        if about.file_size > most:
            raise NotABundle(f"{said} unpacks to {about.file_size:,} bytes; at most {most:,}")
        total += about.file_size
        parts[name] = about
    if total > MOST_UNPACKED:
        raise NotABundle(f"unpacks to {total:,} bytes; at most {MOST_UNPACKED:,}")
    if MANIFEST not in parts:
        raise NotABundle(f"has no {MANIFEST}")
    return parts
