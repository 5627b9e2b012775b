"""Many asynchronous feeds in, one stream ordered by event time out. No clock of its own, no I/O.

The stream is a function of the *set* of batches put in, whatever order the feeds delivered them in, as long as
nothing comes later than its sensor's ``latency_s``. What comes later still goes on, as a late batch: in a tick of the
present whose batch is of the past. Why it is built so: docs/decisions/0070-align.md, 0073-late-data.md.
"""

import bisect
from collections.abc import Collection, Iterable
from itertools import groupby

import msgspec
import numpy as np

from lowsky.align.clockbias import ClockBias, ClockEstimate
from lowsky.align.ledger import Ledger
from lowsky.align.order import content, first_arrival_ns, joined, may_join, pieces, size_bytes
from lowsky.align.queue import Queue, Waiting, Watermark
from lowsky.align.settings import RECORDED, Settings
from lowsky.constants import SECOND_NS
from lowsky.errors import InvariantError
from lowsky.model.measurement import MeasurementBatch, Reject
from lowsky.model.ports import Normalised, OperatorAction, SensorReport, Tick
from lowsky.model.site import Sensor, Site


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)


class _Lane:
    """Everything the funnel keeps of one sensor."""

    def __init__(self, index: int, sensor: Sensor, settings: Settings) -> None:
        self.index = index
        self.offset_ns = _ns(sensor.clock_offset_s)
        self.latency_ns = _ns(sensor.latency_s)
        self.queue = Queue(settings.max_rows, settings.max_bytes)
        self.watermark = Watermark(self.latency_ns, _ns(settings.wait_at_least_s))
        self.clock = ClockBias(sensor.latency_s)
        self.ledger = Ledger()
        self.can_speak = True  # else there is nothing to wait for
        self.lost_ns: int | None = None  # when its connection was reported lost


class Funnel:
    """Orders what the feeds of one site deliver.

    Parameters
    ----------
    site : Site
        Its sensors' order breaks ties; their ``latency_s`` and ``clock_offset_s`` are used.
    settings : Settings
        ``RECORDED`` for files (the default), ``LIVE`` for sockets.
    start_ns : int, optional
        UTC from which time passes although nothing was seen. None: it starts with the first batch.
    speakers : collection of str, optional
        The sensors that some feed can speak for: only they are waited for, and whoever speaks all the same. None: all.
    """

    def __init__(
        self,
        site: Site,
        settings: Settings = RECORDED,
        start_ns: int | None = None,
        speakers: Collection[str] | None = None,
    ) -> None:
        self._settings = settings
        self._lanes = {s.id: _Lane(index, s, settings) for index, s in enumerate(site.sensors)}
        for name, lane in self._lanes.items():
            lane.can_speak = speakers is None or name in speakers
        self._tick_ns = _ns(settings.tick_s)
        self._split_ns = _ns(settings.split_s)
        self._gap_ns = _ns(settings.gap_s)
        self._tolerance_ns = _ns(settings.future_tolerance_s)
        self._done_ns: int | None = start_ns  # everything older has been let go
        self._grid_ns = None if start_ns is None else -(-start_ns // self._tick_ns) * self._tick_ns
        self._quiet_since_ns = start_ns  # event time of the last batch let go
        self._last_ns = start_ns or 0  # of the last tick
        self._free_from_ns = start_ns or 0  # batches of this time and later may still follow in order
        self._late_ns = _ns(settings.late_s)
        self._late: list[Waiting] = []  # behind what was let go, not too far
        self._reports: list[tuple[int, int, int, SensorReport]] = []
        self._report_serial = 0
        self._actions: list[OperatorAction] = []

    # -- in ----------------------------------------------------------------------------------------------------

    def offer(self, result: Normalised, sensor: str, feed: int = 0, t_recv_ns: int | None = None) -> None:
        """Take in what a feed made of one frame.

        ``sensor`` is the one the feed is for: its ledger counts, also where a table's batches name others. ``feed``
        tells feeds of one sensor apart (what their normalisers hold back is a level, not a sum). ``t_recv_ns`` is
        when the frame arrived by our clock: no row is believed to have arrived later. None for files, which are
        taken at their word.
        """
        ledger = self._lane(sensor).ledger
        ledger.take(result, feed)
        for batch in result.batches:
            lane = self._lane(batch.sensor)
            batch = batch.moved(-lane.offset_ns)
            lane.clock.see(batch)
            for piece in pieces(batch, self._split_ns):
                kept = self._plausible(ledger, piece, t_recv_ns)
                if kept is not None:  # an empty look is falsy
                    self._admit(lane, sensor, kept)

    def _lane(self, sensor: str) -> _Lane:
        if sensor not in self._lanes:
            raise InvariantError(f"a batch of sensor {sensor!r}, which the site does not have")
        return self._lanes[sensor]

    def _plausible(self, ledger: Ledger, batch: MeasurementBatch, t_recv_ns: int | None) -> MeasurementBatch | None:
        """The batch without what lies in the future; None where nothing is left of it."""
        if not len(batch):
            if batch.coverage is None:
                return None  # says nothing, not even "we looked"
            if t_recv_ns is not None and batch.t_ns > t_recv_ns + self._tolerance_ns:
                ledger.unused_looks += 1
                return None
            return batch
        arrived_ns = batch.t_recv_ns if t_recv_ns is None else np.minimum(batch.t_recv_ns, t_recv_ns)
        ahead = batch.t_meas_ns > arrived_ns + self._tolerance_ns
        if not ahead.any():
            return batch
        ledger.reject(Reject.FUTURE, int(ahead.sum()), int(arrived_ns.max()))
        return None if ahead.all() else batch.take(~ahead)  # an empty look's coverage is of the same clock

    def _admit(self, lane: _Lane, source: str, batch: MeasurementBatch) -> None:
        """Queue a batch; pass it on as late where time has gone beyond it, or count it as too late."""
        ledger = self._lanes[source].ledger
        t_ns, first_ns = batch.t_ns, first_arrival_ns(batch)
        lane.watermark.see(t_ns)
        lane.lost_ns, lane.can_speak = None, True
        waiting = Waiting(t_ns, first_ns, size_bytes(batch), source, batch)
        if self._done_ns is not None and t_ns < min(self._done_ns, self._free_from_ns):
            if t_ns < self._done_ns - self._late_ns:
                ledger.reject(Reject.LATE, len(batch), first_ns)
                ledger.unused_looks += not len(batch)
                return
            ledger.accept(len(batch), first_ns)
            self._late.append(waiting)
            return
        ledger.accept(len(batch), first_ns)
        for dropped in lane.queue.push(waiting):
            self._lanes[dropped.source].ledger.overflow(len(dropped.batch), first_ns)
            self._lanes[dropped.source].ledger.unused_looks += not len(dropped.batch)

    def report(self, report: SensorReport) -> None:
        """Take in what the supervisor says of a connection; it leaves with the next time tick, completed by what
        the funnel knows: its counts, latency, clock and condition."""
        lane = self._lane(report.sensor)
        if report.connected:
            lane.lost_ns = None
        elif lane.lost_ns is None:  # the report of a loss is repeated every second; it was lost at the first
            lane.lost_ns = report.t_ns
        estimate = lane.clock.estimate()
        said = [lane.ledger.condition(report.t_ns)]
        if estimate is not None and not estimate.plausible:
            said.append(str(estimate))
        completed = msgspec.structs.replace(
            report,
            counts={**report.counts, **lane.ledger.counts()},
            latency_s=None if estimate is None else estimate.latency_s,
            clock_s=None if estimate is None else (estimate.offset_low_s, estimate.offset_high_s),
            degraded="; ".join(filter(None, [report.degraded, *said])),
        )
        self._report_serial += 1
        bisect.insort(self._reports, (report.t_ns, lane.index, self._report_serial, completed), key=lambda r: r[:3])

    def act(self, action: OperatorAction) -> None:
        """Take in what a person did; it leaves at once, at the newest moment of the stream."""
        self._actions.append(action)

    # -- out ---------------------------------------------------------------------------------------------------

    def release(self, now_ns: int, wait: bool = True) -> list[Tick]:
        """Let go everything that is certain at ``now_ns`` (UTC of arrival): batches in order and the grid's ticks.

        Not to ``wait`` lets go all up to and with ``now_ns``; what comes for this time afterwards will be late.
        """
        late = self._let_actions_go() + self._let_late_go()
        horizon_ns = self._horizon(now_ns) if wait else now_ns + 1
        # what is waiting may lie before what was let go: nothing after it was
        if self._done_ns is not None and horizon_ns <= self._done_ns:
            return late
        self._done_ns = horizon_ns
        waiting = [w for lane in self._lanes.values() if len(lane.queue) for w in lane.queue.pop_before(horizon_ns)]
        return late + self._let_go(waiting, horizon_ns)

    def _let_actions_go(self) -> list[Tick]:
        """All in one tick of their own: people do not make time pass."""
        if not self._actions:
            return []
        actions, self._actions = tuple(self._actions), []
        return [Tick(self._last_ns, None, (), actions)]

    def _let_late_go(self) -> list[Tick]:
        """In their order; their ticks are of the newest moment of the stream."""
        late, self._late = self._late, []
        for item in late:
            ledger = self._lanes[item.source].ledger
            ledger.release(len(item.batch))
            ledger.late += len(item.batch)
        return [Tick(self._last_ns, batch) for _, batch in self._ordered(late)]

    def _horizon(self, now_ns: int) -> int:
        """How far every sensor is certain. One that is reported lost is waited for until what was on its way has
        come, and then no more: a dead sensor of long latency must not slow the others."""
        certain = [
            lane.watermark.certain_ns(now_ns)
            for lane in self._lanes.values()
            if lane.can_speak and (lane.lost_ns is None or now_ns < lane.lost_ns + lane.latency_ns)
        ]
        return min(certain, default=now_ns)

    def flush(self) -> list[Tick]:
        """Let go of all: end of the files, or of the run. Reports that are left go with a last tick."""
        waiting = [w for lane in self._lanes.values() for w in lane.queue.pop_all()]
        ticks = self._let_actions_go() + self._let_late_go() + self._let_go(waiting, None)
        if self._reports:
            self._last_ns = max(self._reports[-1][0], self._last_ns)
            ticks.append(Tick(self._last_ns, None, self._reports_until(self._last_ns)))
        if ticks:
            self._done_ns = max(self._last_ns + 1, self._done_ns or 0)
        return ticks

    def _let_go(self, waiting: Iterable[Waiting], until_ns: int | None) -> list[Tick]:
        ticks: list[Tick] = []
        waiting = list(waiting)
        for item in waiting:
            self._lanes[item.source].ledger.release(len(item.batch))
        for t_ns, batch in self._ordered(waiting):
            if self._grid_ns is None:
                self._grid_ns = (t_ns // self._tick_ns + 1) * self._tick_ns
            self._pass_time(ticks, t_ns, before_batch=True)
            ticks.append(Tick(t_ns, batch))
            self._quiet_since_ns = t_ns
        if until_ns is not None and self._grid_ns is not None:
            self._pass_time(ticks, until_ns, before_batch=False)
        if ticks:
            self._last_ns = ticks[-1].t_ns
            self._free_from_ns = self._last_ns + (ticks[-1].batch is not None)
        return ticks

    def _ordered(self, waiting: Iterable[Waiting]) -> list[tuple[int, MeasurementBatch]]:
        """By event time, sensor, look, and content where all of these are equal; reports of one moment as one."""

        def place(item: Waiting) -> tuple[int, int, int]:
            return item.t_ns, self._lanes[item.batch.sensor].index, item.batch.look

        out: list[tuple[int, MeasurementBatch]] = []
        for (t_ns, _, _), same in groupby(sorted(waiting, key=place), key=place):
            batches = [item.batch for item in same]
            if len(batches) > 1:
                single = [b for b in batches if may_join(b)]
                batches = [b for b in batches if not may_join(b)] + ([joined(single)] if single else [])
                batches.sort(key=content)
            out += [(t_ns, batch) for batch in batches]
        return out

    def _pass_time(self, ticks: list[Tick], to_ns: int, before_batch: bool) -> None:
        """Append the grid's ticks up to and including ``to_ns``, jumping where silence is long."""
        grid_ns, last_ns = self._grid_ns, to_ns // self._tick_ns * self._tick_ns
        if grid_ns is None or grid_ns > last_ns:
            return
        always = self._settings.always_ticking
        quiet_since_ns = grid_ns if always or self._quiet_since_ns is None else self._quiet_since_ns
        steady_ns = min(last_ns, (quiet_since_ns + self._gap_ns) // self._tick_ns * self._tick_ns)
        while grid_ns <= steady_ns:
            ticks.append(Tick(grid_ns, None, self._reports_until(grid_ns)))
            grid_ns += self._tick_ns
        if grid_ns <= last_ns and (always or before_batch):
            ticks.append(Tick(last_ns, None, self._reports_until(last_ns)))
            grid_ns = last_ns + self._tick_ns
        self._grid_ns = grid_ns

    def _reports_until(self, t_ns: int) -> tuple[SensorReport, ...]:
        n = bisect.bisect_right(self._reports, t_ns, key=lambda r: r[0])
        out = tuple(r[-1] for r in self._reports[:n])
        del self._reports[:n]
        return out

    # -- what it knows -----------------------------------------------------------------------------------------

    def counts(self, sensor: str) -> dict[str, int]:
        """Totals of a sensor: records = measurements (let go) + every Reject by name + held."""
        return self._lane(sensor).ledger.counts()

    def clock(self, sensor: str) -> ClockEstimate | None:
        """What its times say about its clock; None while too little was seen."""
        return self._lane(sensor).clock.estimate()

    def waiting(self, sensor: str) -> tuple[int, int]:
        """Rows and bytes in the sensor's queue."""
        queue = self._lane(sensor).queue
        return queue.rows, queue.size_bytes
