"""A segment while it grows: blocks of ticks in SQLite (FORMAT.md)."""

import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import zstandard

from lowsky.errors import DecodeError, RecordError
from lowsky.model.ports import Tick
from lowsky.record.catalog import FORMAT, FORMAT_VERSION, Gap, Segment
from lowsky.wire.columns import decode_tick

APPLICATION_ID = 0x4C534B59
MAX_RAW_BYTES = 1 << 28  # of one block; a tick of a million plots stays below
_LENGTH = struct.Struct("<I")
_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE block(id INTEGER PRIMARY KEY, t_from_ns INTEGER, t_to_ns INTEGER, ticks INTEGER, raw_bytes INTEGER,
                   body BLOB);
CREATE TABLE gap(id INTEGER PRIMARY KEY, after_block INTEGER, t_from_ns INTEGER, t_to_ns INTEGER, ticks INTEGER,
                 measurements INTEGER, cause TEXT);
CREATE INDEX block_time ON block(t_to_ns);
"""


def _words(sql: object) -> str:
    return " ".join(str(sql).split())


_TABLES = {words for words in map(_words, _SCHEMA.split(";")) if words.startswith("CREATE TABLE")}
COUNTS = "SELECT (SELECT coalesce(max(id), 0) FROM block), (SELECT coalesce(max(id), 0) FROM gap)"


class Unborn(RecordError):
    """A segment whose first transaction has not been committed: there is nothing in it."""


def create(path: Path, site_toml: str, version: str) -> sqlite3.Connection:
    """A new segment, its meta table committed. Raises ``sqlite3.Error`` or ``OSError``."""
    connection = _writer(path)
    try:
        meta = {"format": FORMAT, "format_version": FORMAT_VERSION, "site_toml": site_toml, "lowsky_version": version}
        connection.execute("BEGIN")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("PRAGMA user_version=1")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def reopen(path: Path) -> tuple[sqlite3.Connection, int, int]:
    """Go on with a segment after a failure: the connection, and how many blocks and gaps were committed."""
    connection = _writer(path)
    try:
        blocks, gaps = connection.execute(COUNTS).fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection, blocks, gaps


def _writer(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # why: FORMAT.md, "Durable"
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def block_body(ticks: list[bytes]) -> tuple[int, bytes]:
    """Length before compression, and the compressed body of a block of encoded ticks."""
    raw = b"".join(part for tick in ticks for part in (_LENGTH.pack(len(tick)), tick))
    return len(raw), zstandard.ZstdCompressor(level=3, write_checksum=True).compress(raw)


def ticks_of_body(body: bytes, raw_bytes: int, ticks: int) -> list[bytes]:
    """The encoded ticks of a block. Raises ``RecordError``."""
    if not isinstance(body, bytes) or not isinstance(raw_bytes, int) or not 0 <= raw_bytes <= MAX_RAW_BYTES:
        raise RecordError("a block is not what it should be")
    try:
        if zstandard.frame_content_size(body) != raw_bytes:
            raise RecordError("a block is not as long as it says")
        raw = zstandard.ZstdDecompressor().decompress(body)
    except zstandard.ZstdError:
        raise RecordError("a block is damaged") from None
    out, at = [], 0
    while at < len(raw):
        if at + _LENGTH.size > len(raw):
            raise RecordError("a block ends within a tick")
        (length,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        if at + length > len(raw):
            raise RecordError("a block ends within a tick")
        out.append(raw[at : at + length])
        at += length
    if len(out) != ticks:
        raise RecordError(f"a block holds {len(out)} ticks where it says {ticks}")
    return out


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection to a segment that another process may be writing. Raises ``RecordError``.

    On a read-only medium SQLite cannot make the files it shares between processes. Then a segment without a log
    is opened as it is, and one with a log is copied aside first, so that the log counts.
    """
    with tempfile.TemporaryDirectory(prefix="lowsky-") as aside:
        connection = None
        try:
            try:
                connection = _reader(path, "mode=ro")
            except sqlite3.OperationalError:
                log = path.with_name(path.name + "-wal")
                if log.exists() and log.stat().st_size:
                    copy = Path(aside) / path.name
                    shutil.copyfile(path, copy)
                    shutil.copyfile(log, copy.with_name(log.name))
                    connection = _reader(copy, "mode=rw")
                else:
                    connection = _reader(path, "mode=ro&immutable=1")
            yield connection
        except (sqlite3.Error, OSError) as error:
            raise RecordError(f"{path}: cannot be read: {error}") from error
        finally:
            if connection is not None:
                connection.close()


def _reader(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA trusted_schema=OFF")  # the file may be somebody else's
        connection.execute("PRAGMA writable_schema=ON")  # else SQLite refuses the whole of a file that was cut short
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise Unborn(f"{path}: is empty")
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise RecordError(f"{path}: not a segment of a lowsky recording")
        written = {_words(sql) for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE type != 'index'")}
        if written != _TABLES:  # a view in the place of a table is a program: it could go on for ever
            raise RecordError(f"{path}: holds other tables than a segment of a lowsky recording")
    except (sqlite3.Error, RecordError):
        connection.close()
        raise
    return connection


def meta(path: Path) -> dict[str, str]:
    """The segment's own description. Raises ``RecordError``."""
    with reading(path) as connection:
        return {str(key): str(value) for key, value in connection.execute("SELECT key, value FROM meta")}


def span_ns(path: Path) -> tuple[int, int] | None:
    """Least and greatest time of the committed ticks, None where there are none; up to damage, if there is any."""
    low = high = None
    with reading(path) as connection:
        rows = connection.execute("SELECT t_from_ns, t_to_ns FROM block ORDER BY id")
        with suppress(sqlite3.DatabaseError):  # whoever reads the ticks meets it again, and says so
            for t_from_ns, t_to_ns in rows:
                if not isinstance(t_from_ns, int) or not isinstance(t_to_ns, int):
                    break
                low = t_from_ns if low is None else min(low, t_from_ns)
                high = t_to_ns if high is None else max(high, t_to_ns)
    return None if low is None or high is None else (low, high)


def gaps(segment: Segment) -> list[Gap]:
    """What the segment says it lacks. Raises ``RecordError``."""
    query = """SELECT (SELECT coalesce(sum(ticks), 0) FROM block WHERE block.id <= gap.after_block),
                      t_from_ns, t_to_ns, ticks, measurements, cause FROM gap ORDER BY id"""
    with reading(segment.path) as connection:
        rows = connection.execute(query).fetchall()
    if any(not isinstance(value, int) for row in rows for value in row[:-1]):
        raise RecordError(f"{segment.path}: gaps cannot be read")
    return [Gap(segment.number, after, low, high, n, m, str(cause)) for after, low, high, n, m, cause in rows]


def encoded_ticks(path: Path, from_ns: int | None = None, skip: int = 0) -> Generator[bytes, None, None]:
    """Encoded ticks in order, from the first block that reaches ``from_ns``, or behind the first ``skip`` ticks of
    the segment; also those committed meanwhile.

    Raises ``RecordError`` at damage, after everything before it.
    """
    with reading(path) as connection:
        last = 0
        if from_ns is not None:
            first = connection.execute("SELECT min(id) FROM block WHERE t_to_ns >= ?", (from_ns,)).fetchone()[0]
            last = connection.execute("SELECT max(id) FROM block").fetchone()[0] if first is None else first - 1
        elif skip:
            for block, count in connection.execute("SELECT id, ticks FROM block ORDER BY id"):
                if not isinstance(count, int) or not 0 <= count <= skip:
                    break
                last, skip = block, skip - count
        query = "SELECT id, ticks, raw_bytes, body FROM block WHERE id > ? ORDER BY id LIMIT 16"
        while rows := connection.execute(query, (last or 0,)).fetchall():
            for last, count, raw_bytes, body in rows:  # noqa: B007  last goes on after the loop
                encoded = ticks_of_body(body, raw_bytes, count)
                yield from encoded[skip:]
                skip = max(0, skip - len(encoded))


def ticks(path: Path, from_ns: int | None = None, skip: int = 0) -> Generator[Tick, None, None]:
    """The same, decoded."""
    with closing(encoded_ticks(path, from_ns, skip)) as encoded:
        for payload in encoded:
            try:
                yield decode_tick(payload)
            except DecodeError as error:
                raise RecordError(f"{path}: a tick cannot be decoded: {error}") from error
