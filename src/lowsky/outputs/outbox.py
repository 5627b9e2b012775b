"""What is to be told, on disk before it is told. The engine puts in and never waits; couriers take out.

A commit and the couriers' cursors go through one lock; the engine only ever appends to a queue under another. While the
disk refuses, occurrences are told from memory after ``PATIENCE_S``, because a full disk must not silence a warning;
``trouble`` says that they are not durable, and they are written as soon as the disk takes them.
"""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from lowsky.clock import LiveClock, monotonic_s
from lowsky.errors import RecordError
from lowsky.model.occurrence import Occurrence
from lowsky.outputs.store import Store, new_series

log = logging.getLogger(__name__)

PATIENCE_S = 1.0  # the disk may take so long before an occurrence is told without being durable
RETRY_S = 1.0
RECENT = 1_000  # occurrences kept in memory, which couriers that keep up read instead of the disk
MOST_PENDING = 20_000  # not yet durable: about 40 MB
KEPT_NS = 30 * 86_400 * 1_000_000_000  # of what every output has
PRUNE_EVERY_S = 3600.0


class Outbox:
    """Durable, gapless, thread-safe. A file that cannot be used: in memory only, and ``trouble`` says so.

    Raises ``RecordError`` where another process has the file.
    """

    def __init__(self, path: Path, outputs: tuple[str, ...]) -> None:
        self._path, self._outputs = path, outputs
        self._disk = threading.Lock()  # guards the store
        self._changed = threading.Condition()  # guards everything below
        self._pending: deque[Occurrence] = deque()  # not durable yet
        self._recent: deque[Occurrence] = deque(maxlen=RECENT + MOST_PENDING)
        self._visible = 0  # numbers up to this may be told
        self._lost = 0
        self._cursors: dict[str, tuple[int, int]] = {}
        self._unsaved: set[str] = set()  # outputs whose cursor the disk has not taken
        self.trouble = ""
        self._closing = False
        self._store: Store | None = None
        self._open()
        self.series = self._store.series if self._store else new_series()
        self.last_number = self._visible = self._store.last_number() if self._store else 0
        self._durable = self._visible
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def _open(self) -> None:
        try:
            self._store = Store.open(self._path)
        except (sqlite3.Error, OSError) as error:
            self._say(f"{self._path}: {error}; alerts are told, but not safe from a crash")

    def recall(self, limit: int = RECENT) -> list[Occurrence]:
        """The newest of earlier runs, oldest first."""
        with self._disk:
            return self._store.newest(limit) if self._store is not None else []

    # ------------------------------------------------------------------ the engine's side

    def put(self, occurrences: Sequence[Occurrence]) -> None:
        """Their numbers go on from ``last_number``. Never waits for the disk."""
        with self._changed:
            for occurrence in occurrences:
                self.last_number = occurrence.number
                self._pending.append(occurrence)
            while len(self._pending) > MOST_PENDING:
                self._pending.popleft()
                self._lost += 1
            self._changed.notify_all()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until all that was put is durable, and say whether it is."""
        deadline = monotonic_s() + timeout_s
        with self._changed:
            upto = self.last_number
            while self._durable < upto and not self.trouble and self._thread.is_alive() and monotonic_s() < deadline:
                self._changed.wait(0.5)
            return self._durable >= upto

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=5.0)
        with self._disk:
            if self._store is not None:
                self._store.close()
                self._store = None

    # ------------------------------------------------------------------ its own thread

    def _run(self) -> None:
        pruned_s = -PRUNE_EVERY_S
        since_s: float | None = None  # the disk refuses since then
        while True:
            with self._changed:
                while not self._pending and not self._closing:
                    self._changed.wait(0.5)
                taken, closing = list(self._pending), self._closing
            if taken:
                started_s = monotonic_s()
                refused = self._write(taken)
                since_s = None if not refused else since_s if since_s is not None else started_s
                with self._changed:
                    if not refused:
                        while self._pending and self._pending[0].number <= taken[-1].number:
                            self._pending.popleft()
                        self._durable = taken[-1].number
                        self._show(taken)
                        self._say("")
                    else:
                        self._say(refused)
                        if closing or monotonic_s() - (since_s or 0.0) >= PATIENCE_S:
                            self._show(taken)
                        self._changed.wait(RETRY_S)
            elif closing:
                return
            if closing and since_s is not None:
                return
            if monotonic_s() - pruned_s >= PRUNE_EVERY_S and since_s is None:
                pruned_s = monotonic_s()
                self._prune()

    def _write(self, taken: list[Occurrence]) -> str:
        """Empty once they are durable, else what is wrong."""
        if self._store is None:
            # it may hold earlier occurrences under the same numbers
            return f"{self._path}: could not be used when the node started; start it again once it can"
        try:
            with self._disk:
                if not self._path.exists():
                    self._store.close()
                    self._store = Store.open(self._path, self.series)
                    self._unsaved |= self._cursors.keys()
                self._store.add(taken)
                for output in sorted(self._unsaved):
                    self._store.move(output, *self._cursors[output])
                self._unsaved.clear()
        except (sqlite3.Error, OSError, RecordError) as error:
            return f"{self._path}: {error}; alerts are told, but not safe from a crash"
        return ""

    def _show(self, taken: list[Occurrence]) -> None:
        fresh = [o for o in taken if o.number > self._visible]
        if fresh:
            self._recent.extend(fresh)
            self._visible = fresh[-1].number
            self._changed.notify_all()

    def _say(self, trouble: str) -> None:
        if trouble and not self.trouble:
            log.error("outbox: %s", trouble)
        elif self.trouble and not trouble:
            log.warning("outbox: the disk takes them again; %d were lost", self._lost)
        self.trouble = trouble

    def _prune(self) -> None:
        try:
            with self._disk:
                if self._store is not None:
                    self._store.prune(LiveClock().now_ns() - KEPT_NS, self._outputs)
        except (sqlite3.Error, OSError) as error:
            log.warning("outbox: %s cannot be tidied up: %s", self._path, error)

    # ------------------------------------------------------------------ the couriers' side

    def cursor(self, output: str) -> tuple[int, int]:
        """done, attempted. A new output hears of what comes from now on."""
        if output not in self._cursors:
            found = (self._visible, self._visible)
            try:
                with self._disk:
                    if self._store is not None:
                        found = self._store.cursor(output, self._visible)
            except (sqlite3.Error, OSError):
                self._unsaved.add(output)
            self._cursors[output] = found
        return self._cursors[output]

    def move(self, output: str, done: int, attempted: int) -> None:
        """Keep how far an output has got. A disk that refuses is the writing thread's to report: meanwhile what is
        sent again after a crash is not marked."""
        self._cursors[output] = (done, attempted)
        try:
            with self._disk:
                if self._store is not None:
                    self._store.move(output, done, attempted)
        except (sqlite3.Error, OSError):
            self._unsaved.add(output)
        else:
            self._unsaved.discard(output)

    def read(self, after: int, limit: int = 100) -> list[Occurrence]:
        """What comes behind a number and may be told, oldest first."""
        with self._changed:
            if after >= self._visible:
                return []
            recent = [o for o in self._recent if o.number > after][:limit]
            visible = self._visible
        if recent and recent[0].number == after + 1:
            return recent
        try:
            with self._disk:
                stored = self._store.read(after, limit) if self._store is not None else []
        except (sqlite3.Error, OSError):
            stored = []
        return [o for o in stored if o.number <= visible] or recent

    def has_later(self, occurrence: Occurrence) -> bool:
        """Does a later state of the same alert wait, too?"""
        with self._changed:
            if any(o.number > occurrence.number and o.key == occurrence.key for o in self._recent):
                return True
            covers = bool(self._recent) and self._recent[0].number <= occurrence.number + 1
        if covers:
            return False
        try:
            with self._disk:
                return self._store is not None and self._store.has_later(occurrence.key, occurrence.number)
        except (sqlite3.Error, OSError):
            return False

    def aside(self, output: str) -> list[Occurrence]:
        """What this output's receiver did not take."""
        try:
            with self._disk:
                return self._store.aside(output) if self._store is not None else []
        except (sqlite3.Error, OSError):
            return []

    def put_aside(self, output: str, number: int) -> None:
        self._tell_disk(lambda store: store.put_aside(output, number))

    def take_back(self, output: str, number: int) -> None:
        self._tell_disk(lambda store: store.take_back(output, number))

    def _tell_disk(self, does: Callable[[Store], None]) -> None:
        """A disk that refuses is reported by the writing thread; what it then forgets is told again as a repeat."""
        with suppress(sqlite3.Error, OSError), self._disk:
            if self._store is not None:
                does(self._store)

    def wait(self, after: int, timeout_s: float) -> None:
        """Until something comes behind a number, or the time is up."""
        with self._changed:
            if self._visible <= after and not self._closing:
                self._changed.wait(timeout_s)

    @property
    def visible(self) -> int:
        return self._visible
