"""What a bundle says of itself: every part with its hash, in a chain that begins with the manifest's own head.

Canonical form: JSON in UTF-8, keys sorted, no spaces, no floats, one newline at the end. The chain, in words that any
program can follow (SHA-256 as 64 lower-case hexadecimal digits)::

    chain₀ = SHA-256(canonical form of the manifest without "entries" and "chain")
    chainₖ = SHA-256(chainₖ₋₁ "\n" name "\n" bytes "\n" SHA-256 of the part "\n")

Nobody can change, leave out, add or exchange a part without changing the last link. Who can change everything can make
a new chain, too: only a link that was kept elsewhere shows that.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Any

import msgspec

FORMAT = "lowsky-incident"
FORMAT_VERSION = 1

Hex = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Words = Annotated[str, msgspec.Meta(max_length=2_000)]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part: its name in the archive, its length, its hash, and the link that it closes."""

    name: Annotated[str, msgspec.Meta(max_length=100)]
    bytes: Count
    sha256: Hex
    chain: Hex


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which alert, as it was at the end of what is recorded. Times are UTC ns."""

    id: Int64
    title: Words
    priority: Words
    state: Words
    raised_ns: Int64
    cleared_ns: Int64 | None  # None: its situation lasted when the bundle was made


class Span(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The slice of the recording. ``has_state``: it begins in the midst, from a saved state; else at the beginning."""

    from_ns: Int64
    to_ns: Int64
    ticks: Count
    has_state: bool


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: str
    format_version: int
    site: Words
    is_exercise: bool
    recorded_with: Words  # version of lowsky
    software: dict[Words, Words]  # that made the bundle
    alert: About
    slice: Span
    remarks: list[Words]  # what a reader has to know: still open, gaps …
    left_out: list[Words]
    entries: list[Entry]
    chain: Hex  # the last link


def canonical(value: Any) -> bytes:
    """The one form in which a manifest, or a part of one, is written."""
    plain = msgspec.to_builtins(value)
    return (json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def first_link(manifest: Manifest) -> str:
    head = msgspec.to_builtins(manifest)
    del head["entries"], head["chain"]
    return sha256(canonical(head)).hexdigest()


def next_link(before: str, name: str, size: int, digest: str) -> str:
    return sha256(f"{before}\n{name}\n{size}\n{digest}\n".encode()).hexdigest()


def chained(head: Manifest, parts: Iterable[tuple[str, int, str]]) -> Manifest:
    """The manifest with its parts (name, bytes, SHA-256) in their order."""
    link = first_link(head)
    entries = []
    for name, size, digest in parts:
        link = next_link(link, name, size, digest)
        entries.append(Entry(name=name, bytes=size, sha256=digest, chain=link))
    return msgspec.structs.replace(head, entries=entries, chain=link)


def read_manifest(content: bytes) -> Manifest:
    """Raises ``ValueError`` with what is wrong, in one line."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)[:200]) from None
    if manifest.format != FORMAT or manifest.format_version != FORMAT_VERSION:
        raise ValueError(
            f"is {manifest.format[:40]!r} version {manifest.format_version}, not {FORMAT} {FORMAT_VERSION}"
        )
    if canonical(manifest) != content:
        raise ValueError("is not in its canonical form")
    return manifest


def broken_link(manifest: Manifest) -> str | None:
    """The first place where the manifest does not agree with its own chain."""
    link = first_link(manifest)
    for entry in manifest.entries:
        link = next_link(link, entry.name, entry.bytes, entry.sha256)
        if link != entry.chain:
            first = entry is manifest.entries[0]
            return f"the chain breaks at {entry.name}" + (" or in the manifest's head" if first else "")
    return None if link == manifest.chain else "the chain's last link is another"
