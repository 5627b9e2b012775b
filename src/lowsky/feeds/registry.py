"""Which feeds there are: the entry-point group ``lowsky.feeds``, ours and third parties' alike, loaded when used."""

import zlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from lowsky.errors import ConfigError, Fault
from lowsky.feeds.files import GZIP_MAGIC
from lowsky.model.ports import Feed

GROUP = "lowsky.feeds"
HEAD_BYTES = 65_536  # what ``sniff`` gets to see of a file
OFFERS = ("MANIFEST", "Config", "open_feed", "read_file")


@cache
def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def feed_names() -> tuple[str, ...]:
    """Names of all installed feeds, sorted. Nothing is imported for it."""
    return tuple(sorted(_entries()))


def feed_named(name: str) -> Feed:
    """The feed's package. Raises ``ConfigError`` where there is none of this name, or where it cannot be used."""
    entry = _entries().get(name)
    if entry is None:
        raise ConfigError([Fault("format", repr(name), "one of " + ", ".join(feed_names()))])
    try:
        feed: Feed = entry.load()
    except ImportError as error:
        raise ConfigError([Fault(f"format {name}", f"{entry.value}: {error}", "an importable package")]) from error
    if missing := [offer for offer in OFFERS if not hasattr(feed, offer)]:
        raise ConfigError([Fault(f"format {name}", f"{entry.value} without {', '.join(missing)}", "all of a feed")])
    return feed


def head_of(path: Path) -> tuple[bytes, str]:
    """First 64 kB of a file and its name; of a gzip file those of its content, and the name without ``.gz``.

    Raises ``ConfigError`` where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise ConfigError([Fault(str(path), error.strerror or "unreadable", "a readable file")]) from None
    if not head.startswith(GZIP_MAGIC):
        return head, path.name
    try:
        content = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(head, HEAD_BYTES)
    except zlib.error as error:
        raise ConfigError([Fault(str(path), f"a broken gzip file ({error})", "a whole one")]) from None
    return content, path.name.removesuffix(".gz")


def sniff_file(path: Path) -> str:
    """The name of the one feed that reads this recorded file.

    Raises ``ConfigError`` where none or more than one says it does; the fault says what was tried.
    """
    head, name = head_of(path)
    tried = feed_names()
    claims = [feed for feed in tried if feed_named(feed).MANIFEST.sniff(head, name)]
    if len(claims) == 1:
        return claims[0]
    if claims:
        raise ConfigError([Fault(str(path), f"a file that {' and '.join(claims)} read", "a file of one format")])
    found = f"{len(head)} bytes of no known format" if head else "an empty file"
    raise ConfigError([Fault(str(path), found, "a file of " + ", ".join(tried))])
