"""Write the stream behind ``align`` to disk without ever making the engine wait (FORMAT.md)."""

import logging
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from lowsky.clock import monotonic_s
from lowsky.constants import SECOND_NS
from lowsky.errors import RecordError
from lowsky.model.ports import Tick
from lowsky.record.blocks import Block, Item, Loss, items_of, measurements_in, size_of
from lowsky.record.disk import Disk

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5  # is the thread still alive?
RETRY_S = 1.0  # between attempts while the disk refuses
COMMIT_S = 1.0  # a tick waits at most this long for its commit while the disk is well
PLACES = 64  # segments of which is remembered where in the run they began
BACKLOG_BYTES = 256 << 20  # kept in memory while the disk refuses: minutes at 5,000 plots/s
TRANSACTION_BYTES = 8 << 20  # taken from the queue for one commit


@dataclass(frozen=True, slots=True)
class RecordStatus:
    """How the recording is.

    ``state`` is "waiting" before the folder was tried, "ok", or "failing" while the disk refuses; ``error`` then
    says what is wrong and what to do. Counts are since start; what was lost stays counted after recovery.
    """

    state: str
    error: RecordError | None
    ticks_durable: int
    t_durable_ns: int | None  # time of the last tick that is durable
    ticks_lost: int
    measurements_lost: int
    backlog_bytes: int  # in memory, not yet durable; an estimate


class Recorder:
    """Records ticks into a folder on a thread of its own. The constructor neither waits nor fails.

    ``put`` only queues. What is queued becomes durable within about a second, or with ``flush``. While the disk
    refuses, up to ``backlog_bytes`` are kept; beyond that the oldest ticks not yet written are lost, counted, and
    marked in the recording as a gap as soon as writing works again. A caller that makes ticks faster than a disk
    takes them (not live) calls ``flush`` now and then.
    """

    def __init__(self, folder: Path | str, site_toml: str, version: str, backlog_bytes: int = BACKLOG_BYTES) -> None:
        self.folder = Path(folder)
        self._disk = Disk(self.folder, site_toml, version)  # used by the thread only
        self._limit = backlog_bytes
        # everything below is guarded by the condition
        self._changed = threading.Condition()
        self._queue: deque[Tick] = deque()
        self._queued_bytes = self._taken_bytes = 0
        self._ticks_put = self._ticks_durable = self._ticks_lost = self._measurements_lost = 0
        self._t_durable_ns: int | None = None
        self._places: deque[tuple[int, int]] = deque(maxlen=PLACES)  # segment, ticks durable before it
        self._loss = Loss()  # since the last gap that was taken for writing; all older than the queue
        self._flush_to = self._attempts = 0
        self._error: RecordError | None = None
        self._is_closing = self._is_prepared = self._has_ended = False
        self._compact_s = 0.0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def put(self, tick: Tick) -> None:
        """Queue one tick. Never waits for the disk and never raises for it. ``RecordError`` after ``close``."""
        with self._changed:
            if self._is_closing:
                raise RecordError(f"{self.folder}: the recorder is closed")
            self._ticks_put += 1
            self._queue.append(tick)
            self._queued_bytes += size_of(tick)
            while self._queued_bytes + self._taken_bytes > self._limit and self._queue:
                oldest = self._queue.popleft()
                self._queued_bytes -= size_of(oldest)
                self._count_lost(oldest, str(self._error or f"{self.folder}: slower than the ticks come"))
            if self._is_due():
                self._changed.notify_all()

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Wait until everything put so far is durable, and say whether it is.

        False where some of it is not: the disk refuses (``status`` says why; tried once more now), some of it was
        lost meanwhile, or the time is up.
        """
        deadline = monotonic_s() + timeout_s
        with self._changed:
            upto, lost, attempts = self._ticks_put, self._ticks_lost, self._attempts
            self._flush_to = upto
            self._changed.notify_all()
            while self._settled() < upto and self._thread.is_alive() and monotonic_s() < deadline:
                if self._error is not None and self._attempts > attempts:
                    break
                # a thread that dies of a fault tells nobody
                self._changed.wait(min(max(0.0, deadline - monotonic_s()), LOOK_EVERY_S))
            return self._settled() >= upto and self._ticks_lost == lost

    def place_of(self, nth: int) -> tuple[int, int] | None:
        """Where the ``nth`` durable tick since start lies: its segment's number, and its own in it (from 1). None
        where it is not durable yet, or too long ago."""
        with self._changed:
            if not 0 < nth <= self._ticks_durable:
                return None
            return next(((number, nth - before) for number, before in reversed(self._places) if before < nth), None)

    def status(self) -> RecordStatus:
        """How the recording is now."""
        with self._changed:
            if self._has_died() and self._error is None:
                self._error = RecordError(f"{self.folder}: recording ended by a fault of lowsky; start the node again")
            state = "failing" if self._error else "ok" if self._is_prepared else "waiting"
            return RecordStatus(
                state, self._error, self._ticks_durable, self._t_durable_ns, self._ticks_lost,
                self._measurements_lost, self._queued_bytes + self._taken_bytes,
            )  # fmt: skip

    def close(self, compact_s: float = 60.0) -> RecordStatus:
        """Make everything durable, end the segment, and compact what is finished for at most ``compact_s``.

        What is not compacted then is left to the next recorder of this folder. Ticks that the disk refuses even
        now are lost, and counted in the status returned.
        """
        with self._changed:
            self._compact_s = compact_s
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()
        with self._changed:
            if self._has_died():
                while self._queue:
                    self._count_lost(self._queue.popleft(), "the recorder ended by a fault of lowsky")
                self._ticks_lost = self._ticks_put - self._ticks_durable  # with those that were in its hands
                self._queued_bytes = self._taken_bytes = 0
        return self.status()

    def _has_died(self) -> bool:
        """By an exception that nobody foresaw; what it was is on stderr."""
        return not self._thread.is_alive() and not self._has_ended

    def _settled(self) -> int:
        """Ticks of which it is decided what became of them."""
        return self._ticks_durable + self._ticks_lost

    def _count_lost(self, tick: Tick, cause: str) -> None:
        self._loss.add(tick, cause)
        self._ticks_lost += 1
        self._measurements_lost += measurements_in(tick)

    def _is_due(self) -> bool:
        """Is there reason to write before ``COMMIT_S`` is over? While the disk refuses, only a flush is one."""
        if self._error is not None or self._flush_to > self._settled():
            return self._flush_to > self._settled()
        queue = self._queue
        return bool(queue) and (
            self._queued_bytes > TRANSACTION_BYTES or not 0 <= queue[-1].t_ns - queue[0].t_ns < SECOND_NS
        )

    # ---------------------------------------------------------------- the thread

    def _run(self) -> None:
        pending: list[Item] = []
        is_last = False
        while not is_last:
            if not pending:
                pending = self._take()
            is_last = self._write(pending)
            self._disk.tend_compactor()
            if not is_last:
                self._wait()
        self._give_up(pending)
        self._disk.end_segment()
        deadline = monotonic_s() + self._compact_s
        while self._compact_s > 0.0 and self._disk.tend_compactor(max(0.0, deadline - monotonic_s())):
            if monotonic_s() >= deadline:
                break
        self._disk.release()
        self._has_ended = True

    def _wait(self) -> None:
        with self._changed:
            deadline = monotonic_s() + (RETRY_S if self._error else COMMIT_S)
            while not self._is_closing and not self._is_due() and monotonic_s() < deadline:
                self._changed.wait(max(0.0, deadline - monotonic_s()))

    def _take(self) -> list[Item]:
        """What to write next, oldest first: a gap before the queue, then the queue's oldest ticks."""
        ticks: list[Tick] = []
        with self._changed:
            loss, self._loss = self._loss, Loss()
            while self._queue and self._taken_bytes < TRANSACTION_BYTES:
                size = size_of(self._queue[0])
                self._queued_bytes -= size
                self._taken_bytes += size
                ticks.append(self._queue.popleft())
        items = [*([loss] if loss.ticks else []), *items_of(ticks)]
        with self._changed:
            for item in items:
                if isinstance(item, Loss) and item is not loss:
                    self._ticks_lost += item.ticks
                    self._measurements_lost += item.measurements
        return items

    def _write(self, pending: list[Item]) -> bool:
        """Write as much of ``pending`` as goes, and take it out. True when that was the last of a closing recorder."""
        error: RecordError | None = None
        try:
            self._disk.prepare()
            while pending:
                done = self._disk.write(pending)
                self._count_durable(pending[:done])
                del pending[:done]
        except RecordError as refused:
            error = refused
        with self._changed:
            if error is not None and self._error is None:
                log.error("recording stopped: %s", error)
            elif error is None and self._error is not None:
                log.warning("recording goes on; %d ticks were lost since start", self._ticks_lost)
            self._error, self._is_prepared = error, self._is_prepared or error is None
            self._attempts += 1
            if error is not None:
                self._flush_to = 0  # tried; the next attempt comes by itself
            elif not pending:
                self._taken_bytes = 0
            self._changed.notify_all()
            return self._is_closing and (error is not None or not (self._queue or self._loss.ticks))

    def _count_durable(self, items: list[Item]) -> None:
        blocks = [item for item in items if isinstance(item, Block)]
        with self._changed:
            self._ticks_durable += sum(block.ticks for block in blocks)
            number, ticks = self._disk.place
            began = (number, self._ticks_durable - ticks)
            if blocks and (not self._places or self._places[-1] != began):
                self._places.append(began)
            if blocks:
                self._t_durable_ns = blocks[-1].t_to_ns

    def _give_up(self, pending: list[Item]) -> None:
        """The end: what the disk did not take is lost."""
        with self._changed:
            for item in pending:
                if isinstance(item, Block):
                    self._ticks_lost += item.ticks
                    self._measurements_lost += item.measurements
            while self._queue:
                self._count_lost(self._queue.popleft(), str(self._error))
            self._queued_bytes = self._taken_bytes = 0
            self._changed.notify_all()
