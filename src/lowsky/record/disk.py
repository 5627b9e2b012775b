"""The folder of a recording, for its one writer: lock, segments, commits, compaction. Synchronous."""

import errno
import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lowsky.errors import RecordError
from lowsky.record import growing
from lowsky.record.blocks import Block, Item, Loss
from lowsky.record.catalog import HOUR_NS, LOCK_NAME, Segment, all_files, new_segment
from lowsky.record.compact import remove_growing

log = logging.getLogger(__name__)

SEGMENT_BYTES = 1 << 30


@dataclass(slots=True)
class _Open:
    """The segment that grows. ``blocks`` and ``gaps`` are how many are known to be committed."""

    segment: Segment
    hour: int
    connection: sqlite3.Connection | None
    blocks: int = 0
    gaps: int = 0
    ticks: int = 0
    size: int = 0


class Disk:
    """Every method may raise ``RecordError``, with one message that says what to do; then it can be called again."""

    def __init__(self, folder: Path, site_toml: str, version: str) -> None:
        self.folder = folder
        self._site_toml, self._version = site_toml, version
        self._lock: sqlite3.Connection | None = None
        self._open: _Open | None = None
        self._finished: list[Path] = []
        self._compactor: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the folder, take its lock, and find what earlier runs left to be compacted. Again if it is gone."""
        if self._lock is not None:
            if (self.folder / LOCK_NAME).exists():
                return
            self._lock.close()
            self._lock = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = sqlite3.connect(self.folder / LOCK_NAME, isolation_level=None, timeout=0.0)
        except (OSError, sqlite3.Error) as error:
            raise self._explained(error) from error
        try:
            lock.execute("BEGIN EXCLUSIVE")
            growing_now = self._open.segment if self._open is not None else None
            files = all_files(self.folder)
            self._finished = [file.path for file in files if file.form == "sqlite" and file != growing_now]
            for unfinished in self.folder.glob("*.parquet.*.tmp"):
                unfinished.unlink(missing_ok=True)
        except (OSError, sqlite3.Error) as error:
            lock.close()
            raise self._explained(error) from error
        self._lock = lock

    def write(self, items: list[Item]) -> int:
        """Make the first items durable; how many. All of them need one call for each segment they belong to."""
        self.prepare()
        try:
            open_ = self._segment_for(items[0])
            belonging = 1
            while belonging < len(items) and not self._must_end(open_, items[belonging]):
                belonging += 1
            self._commit(open_, items[:belonging])
        except (OSError, sqlite3.Error) as error:
            self._disconnect()
            raise self._explained(error) from error
        return belonging

    @property
    def place(self) -> tuple[int, int]:
        """Number of the growing segment, and how many ticks are durable in it."""
        return (0, 0) if self._open is None else (self._open.segment.number, self._open.ticks)

    def end_segment(self) -> None:
        """Close the growing segment; it is then finished."""
        self._disconnect()
        if self._open is not None:
            self._finished.append(self._open.segment.path)
            self._open = None

    def tend_compactor(self, wait_s: float = 0.0) -> bool:
        """Start the next compaction, or see after the running one. True while there is something left to do."""
        if self._compactor is not None:
            with suppress(subprocess.TimeoutExpired):
                _, stderr = self._compactor.communicate(timeout=wait_s)
                if self._compactor.returncode != 0:
                    log.warning("not compacted: %s", stderr.decode(errors="replace").strip())
                self._compactor = None
        if self._compactor is None and self._finished:
            command = [sys.executable, "-m", "lowsky.record", str(self._finished.pop(0))]
            with suppress(OSError):  # not now: the next recorder of this folder does it
                self._compactor = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return self._compactor is not None or bool(self._finished)

    def release(self) -> None:
        """Give the folder free. A compaction that still runs is ended; it leaves what it found."""
        if self._compactor is not None:
            self._compactor.kill()
            self._compactor.communicate()
            self._compactor = None
        self._disconnect()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _segment_for(self, item: Item) -> _Open:
        if self._open is not None and self._must_end(self._open, item):
            self.end_segment()
        if self._open is not None and self._open.connection is None:
            self._reconnect(self._open)
        if self._open is None:
            t_ns = item.t_first_ns if isinstance(item, Block) else item.t_from_ns
            segment = new_segment(self.folder, t_ns)
            try:
                connection = growing.create(segment.path, self._site_toml, self._version)
            except (OSError, sqlite3.Error):
                with suppress(OSError):
                    remove_growing(segment.path)
                raise
            self._open = _Open(segment, t_ns // HOUR_NS, connection)
        return self._open

    def _must_end(self, open_: _Open, item: Item) -> bool:
        return isinstance(item, Block) and (item.t_first_ns // HOUR_NS != open_.hour or open_.size > SEGMENT_BYTES)

    def _reconnect(self, open_: _Open) -> None:
        """After a failure: go on with the same file if it is still good, else leave it as finished."""
        try:
            if open_.segment.path.stat().st_size == 0:
                raise sqlite3.DatabaseError("the segment is empty")
            open_.connection, blocks, gaps = growing.reopen(open_.segment.path)
            if (blocks, gaps) < (open_.blocks, open_.gaps):
                raise sqlite3.DatabaseError("the segment has lost blocks")
        except FileNotFoundError:
            log.warning("%s was removed while it was written", open_.segment.path)
            self._open = None
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            log.warning("%s is damaged (%s); going on in a new segment", open_.segment.path, error)
            self._disconnect()
            self._open = None

    def _commit(self, open_: _Open, items: list[Item]) -> None:
        connection, path = open_.connection, open_.segment.path
        if connection is None or not path.exists():  # a removed file can still be written, and nobody could read it
            raise FileNotFoundError(errno.ENOENT, "the segment was removed while it was written", str(path))
        blocks, gaps = open_.blocks, open_.gaps
        connection.execute("BEGIN IMMEDIATE")
        there = connection.execute(growing.COUNTS).fetchone()
        # a commit that failed may have reached the disk all the same: then these items are there already
        if there == (blocks, gaps):
            for item in items:
                if isinstance(item, Block):
                    blocks += 1
                    row = (blocks, item.t_from_ns, item.t_to_ns, item.ticks, item.raw_bytes, item.body)
                    connection.execute("INSERT INTO block VALUES (?, ?, ?, ?, ?, ?)", row)
                else:
                    gaps += 1
                    lost = (gaps, blocks, item.t_from_ns, item.t_to_ns, item.ticks, item.measurements, item.cause)
                    connection.execute("INSERT INTO gap VALUES (?, ?, ?, ?, ?, ?, ?)", lost)
        else:
            blocks += sum(isinstance(item, Block) for item in items)
            gaps += sum(isinstance(item, Loss) for item in items)
            if there != (blocks, gaps):
                raise sqlite3.DatabaseError("somebody else wrote into the segment")
        connection.execute("COMMIT")
        open_.blocks, open_.gaps = blocks, gaps
        open_.ticks += sum(item.ticks for item in items if isinstance(item, Block))
        open_.size += sum(len(item.body) for item in items if isinstance(item, Block))

    def _disconnect(self) -> None:
        if self._open is not None and self._open.connection is not None:
            with suppress(sqlite3.Error):
                self._open.connection.close()
            self._open.connection = None

    def _explained(self, error: Exception) -> RecordError:
        """One clear message: the folder, what is wrong, what to do."""
        code = error.errno if isinstance(error, OSError) else None
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_FULL") or code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return RecordError(f"{self.folder}: the disk is full; free space, recording goes on by itself")
        # of a folder without the right to write SQLite only says that it cannot open a file
        closed = name.startswith("SQLITE_CANTOPEN") and not os.access(self.folder, os.W_OK | os.X_OK)
        if closed or name.startswith("SQLITE_READONLY") or code in (errno.EROFS, errno.EACCES, errno.EPERM):
            return RecordError(f"{self.folder}: may not be written; give the right to write, or another folder")
        if code in (errno.ENOTDIR, errno.EEXIST):
            return RecordError(f"{self.folder}: is not a folder; name one that is, or that can be made")
        if name.startswith("SQLITE_BUSY") and self._lock is None:
            return RecordError(f"{self.folder}: another program records into it; end that one, or name another folder")
        return RecordError(f"{self.folder}: cannot be written: {error}")
