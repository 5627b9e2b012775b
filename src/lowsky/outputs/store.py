"""The outbox's file: occurrences, and how far each output has got. SQLite with a write-ahead log. Synchronous.

`synchronous=FULL`, as in a recording: what was committed outlives a power cut. The file is locked for as long as it is
open, so two nodes never send from one outbox.
"""

import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from lowsky.errors import RecordError
from lowsky.model.occurrence import Occurrence

APPLICATION_ID = 0x4C534F42
NAME = "outbox.sqlite"
SERIES_LETTERS = "bcdfghjkmnpqrstvwxz23456789"  # no vowels: no words; nothing that is read as something else
_SCHEMA = (
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
    "CREATE TABLE occurrence(number INTEGER PRIMARY KEY, t_ns INTEGER, alert TEXT, body BLOB)",
    "CREATE INDEX occurrence_alert ON occurrence(alert, number)",
    # done: all up to it are through; attempted: up to it may have been sent
    "CREATE TABLE output(id TEXT PRIMARY KEY, done INTEGER, attempted INTEGER) WITHOUT ROWID",
    # those that a receiver does not take, which do not keep the others waiting
    "CREATE TABLE aside(output TEXT, number INTEGER, PRIMARY KEY(output, number)) WITHOUT ROWID",
)


def new_series() -> str:
    return "".join(secrets.choice(SERIES_LETTERS) for _ in range(8))


class Store:
    """Any method but ``close`` may raise ``sqlite3.Error`` or ``OSError``; then it can be called again."""

    def __init__(self, connection: sqlite3.Connection, series: str) -> None:
        self._connection, self.series = connection, series

    @classmethod
    def open(cls, path: Path, series: str | None = None) -> "Store":
        """Raises ``RecordError`` where another process has it; a damaged file is put beside, and a new one begun, of
        this ``series`` or one of its own."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return cls._opened(path, series or new_series())
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise RecordError(f"{path}: another lowsky uses it; give each node a folder of its own") from None
            raise
        except sqlite3.DatabaseError:
            _put_beside(path)
            return cls._opened(path, series or new_series())

    @classmethod
    def _opened(cls, path: Path, series: str) -> "Store":
        connection = sqlite3.connect(path, isolation_level=None, timeout=0.0, check_same_thread=False)
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("BEGIN EXCLUSIVE")
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute("INSERT INTO meta VALUES ('series', ?)", (series,))
                connection.execute("INSERT INTO meta VALUES ('last', '0')")
            row = connection.execute("SELECT value FROM meta WHERE key = 'series'").fetchone()
            if row is None:
                raise sqlite3.DatabaseError("not an outbox")
            connection.execute("COMMIT")
        except sqlite3.Error:
            connection.close()
            raise
        return cls(connection, row[0])

    def last_number(self) -> int:
        """0 where there has been none."""
        row = self._connection.execute("SELECT coalesce(max(number), 0) FROM occurrence").fetchone()
        pruned = self._connection.execute("SELECT value FROM meta WHERE key = 'last'").fetchone()
        return max(int(row[0]), int(pruned[0]))

    def add(self, occurrences: Iterable[Occurrence]) -> None:
        """Durable when it returns; all or none."""
        rows = [(o.number, o.t_ns, o.key, msgspec.json.encode(o)) for o in occurrences]
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR IGNORE INTO occurrence VALUES (?, ?, ?, ?)", rows)

    def read(self, after: int, limit: int) -> list[Occurrence]:
        rows = self._connection.execute(
            "SELECT body FROM occurrence WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
        )
        return [msgspec.json.decode(body, type=Occurrence) for (body,) in rows]

    def newest(self, limit: int) -> list[Occurrence]:
        """Oldest first."""
        rows = self._connection.execute("SELECT body FROM occurrence ORDER BY number DESC LIMIT ?", (limit,))
        return [msgspec.json.decode(body, type=Occurrence) for (body,) in rows][::-1]

    def cursor(self, output: str, first_seen: int) -> tuple[int, int]:
        """done, attempted; an output that was not there before starts behind ``first_seen``."""
        with self._connection:
            self._connection.execute("INSERT OR IGNORE INTO output VALUES (?, ?, ?)", (output, first_seen, first_seen))
        row = self._connection.execute("SELECT done, attempted FROM output WHERE id = ?", (output,)).fetchone()
        return int(row[0]), int(row[1])

    def move(self, output: str, done: int, attempted: int) -> None:
        with self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO output VALUES (?, ?, ?)", (output, done, max(done, attempted))
            )

    def put_aside(self, output: str, number: int) -> None:
        with self._connection:
            self._connection.execute("INSERT OR IGNORE INTO aside VALUES (?, ?)", (output, number))

    def take_back(self, output: str, number: int) -> None:
        with self._connection:
            self._connection.execute("DELETE FROM aside WHERE output = ? AND number = ?", (output, number))

    def aside(self, output: str) -> list[Occurrence]:
        rows = self._connection.execute(
            "SELECT body FROM occurrence WHERE number IN (SELECT number FROM aside WHERE output = ?) ORDER BY number",
            (output,),
        )
        return [msgspec.json.decode(body, type=Occurrence) for (body,) in rows]

    def has_later(self, alert: str, number: int) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM occurrence WHERE alert = ? AND number > ? LIMIT 1", (alert, number)
        )
        return found.fetchone() is not None

    def prune(self, before_ns: int, outputs: tuple[str, ...]) -> None:
        """Forget what is older, and through with all of these outputs; of other outputs everything."""
        marks = ",".join("?" * len(outputs))
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("UPDATE meta SET value = ? WHERE key = 'last'", (str(self.last_number()),))
            self._connection.execute(f"DELETE FROM output WHERE id NOT IN ({marks})", outputs)
            self._connection.execute(f"DELETE FROM aside WHERE output NOT IN ({marks})", outputs)
            self._connection.execute(
                "DELETE FROM occurrence WHERE t_ns < ? AND number <= (SELECT coalesce(min(done), 0) FROM output) "
                "AND number NOT IN (SELECT number FROM aside)", (before_ns,),
            )  # fmt: skip

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()


def _put_beside(path: Path) -> None:
    """A file that is no outbox keeps its bytes under another name."""
    for number in range(1, 1000):
        beside = path.with_name(f"{path.name}.damaged-{number}")
        if not beside.exists():
            path.replace(beside)
            break
    for tail in ("-wal", "-shm"):
        path.with_name(path.name + tail).unlink(missing_ok=True)
