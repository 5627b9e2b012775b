"""One sensor's place in the funnel: what waits, and how far its time is certain."""

import heapq
from dataclasses import dataclass

from lowsky.model.measurement import MeasurementBatch

LEARN_NS = 10_000_000_000  # how long a sensor's order is watched before it is relied on, and remembered after


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch in a queue. ``source`` is the sensor under whose name it was offered: the sum law counts there."""

    t_ns: int
    arrived_ns: int
    size_bytes: int
    source: str
    batch: MeasurementBatch


class Queue:
    """Batches of one sensor by event time, bounded in rows and bytes. The oldest goes when it is full."""

    def __init__(self, max_rows: int, max_bytes: int) -> None:
        self._max_rows, self._max_bytes = max_rows, max_bytes
        self._heap: list[tuple[int, int, int, int, Waiting]] = []
        self._serial = 0  # breaks ties in the heap, never in the stream: the funnel sorts what it lets go
        self.rows = 0
        self.size_bytes = 0

    def push(self, waiting: Waiting) -> list[Waiting]:
        """Take one in; returns what had to go for it, oldest first."""
        batch = waiting.batch
        self._serial += 1
        heapq.heappush(self._heap, (waiting.t_ns, batch.look, waiting.arrived_ns, self._serial, waiting))
        self.rows += len(batch)
        self.size_bytes += waiting.size_bytes
        dropped = []
        while self._heap and (self.rows > self._max_rows or self.size_bytes > self._max_bytes):
            dropped.append(self._pop())
        return dropped

    def _pop(self) -> Waiting:
        waiting = heapq.heappop(self._heap)[-1]
        self.rows -= len(waiting.batch)
        self.size_bytes -= waiting.size_bytes
        return waiting

    def pop_before(self, t_ns: int) -> list[Waiting]:
        """All with event time < ``t_ns``."""
        out = []
        while self._heap and self._heap[0][0] < t_ns:
            out.append(self._pop())
        return out

    def pop_all(self) -> list[Waiting]:
        out = [entry[-1] for entry in self._heap]
        self._heap.clear()
        self.rows = self.size_bytes = 0
        return out

    def __len__(self) -> int:
        return len(self._heap)


class Watermark:
    """No batch of this sensor older than ``certain_ns(now)`` is to come, as far as can be told::

        max(newest − disorder, now − latency)

    ``disorder`` is how far the sensor's own times have run backwards in the last 10 to 20 s: 0 for a radar or a
    receiver that stamps what it hears, so its newest batch lets everything older go at once; more for a receiver
    of many transmitters with clocks of their own (Remote ID), also more than the latency where one of them is ahead
    of UTC: nobody waits longer than the latency by it, because of the other term. Until 10 s have been seen it is
    taken as the latency.
    """

    def __init__(self, latency_ns: int, wait_at_least_ns: int) -> None:
        self._latency_ns = max(latency_ns, wait_at_least_ns)
        self._floor_ns = wait_at_least_ns
        self._newest_ns: int | None = None
        self._epoch_ns = 0  # start of the present window of LEARN_NS
        self._back_ns = [0, self._latency_ns]  # largest step back in the present window and in the one before

    def see(self, t_ns: int) -> None:
        """A batch of event time ``t_ns`` came, even if too late to be used."""
        if self._newest_ns is None:
            self._newest_ns = self._epoch_ns = t_ns
            return
        if t_ns >= self._newest_ns:
            self._newest_ns = t_ns
            if t_ns - self._epoch_ns >= LEARN_NS:
                self._back_ns = [0, self._back_ns[0]]
                self._epoch_ns = t_ns
        else:
            self._back_ns[0] = max(self._back_ns[0], self._newest_ns - t_ns)

    @property
    def disorder_ns(self) -> int:
        return max(self._floor_ns, *self._back_ns)

    def certain_ns(self, now_ns: int) -> int:
        by_clock_ns = now_ns - self._latency_ns
        if self._newest_ns is None:
            return by_clock_ns
        return max(by_clock_ns, self._newest_ns - self.disorder_ns)
