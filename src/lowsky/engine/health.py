"""Is each sensor well? Decided from the recorded stream alone, so a replay says the same as the live run did."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec
import numpy as np

from lowsky.model.events import Event, SensorDegraded, SensorDown, SensorUp
from lowsky.model.ports import SensorReport, Tick
from lowsky.model.site import Sensor, Site
from lowsky.model.status import SensorStatus

NO_DOUBTS: Mapping[str, str] = MappingProxyType({})
RATE_WINDOW_NS = 10_000_000_000
STALE_LOOKS = 3.0  # looks missed before a sensor that should speak is stale
DOWN_LOOKS = 10.0
SILENCE_S = 10.0  # the look period taken for a sensor that declares none: stale after 30 s, down after 100 s
SPEAKING_NS = 5_000_000_000  # a sensor whose records grew within it speaks, used or not; reports come each second
LOST_SHARE = 0.5  # more than this share of a sensor's records rejected as broken: degraded
LOST_FLOOR = 20  # ... once so many records were seen since the last report
BROKEN = ("MALFORMED", "TRUNCATED", "BAD_CHECKSUM", "FUTURE", "LATE", "OVERFLOW", "OUT_OF_RANGE", "NO_TIME")


@dataclass(slots=True)
class _Health:
    """What is remembered of one sensor."""

    sensor: Sensor
    status: str = "waiting"
    last_seen_ns: int | None = None
    arrivals: deque[tuple[int, int]] = field(default_factory=deque)  # (t_ns, measurements) of the window
    in_window: int = 0  # measurements in ``arrivals``
    latency_s: float | None = None
    report: SensorReport | None = None
    heard_ns: int | None = None  # when its records were last seen to grow, of whatever use they were
    broken_before: tuple[int, int] = (0, 0)  # broken and all records at the report before
    losing: str = ""  # why too many of its records are of no use
    degraded: str = ""  # that, or what ``align`` says is wrong with what arrives
    doubt: str = ""  # why the tracker does not take its rows for what they should be

    @property
    def speaks_regularly(self) -> bool:
        """A radar that scans says so each turn; a receiver of what others send may rightly hear nothing, also where the
        site file says how often they send."""
        sensor = self.sensor
        return sensor.look_period_s is not None and (sensor.kind != "cooperative" or sensor.delivers == "tracks")


class _Saved(msgspec.Struct, array_like=True):
    sensor: str
    status: str
    last_seen_ns: int | None
    arrivals: list[tuple[int, int]]
    latency_s: float | None
    report: SensorReport | None
    broken_before: tuple[int, int]
    losing: str
    degraded: str
    heard_ns: int | None
    doubt: str


class SensorHealth:
    """Keeps the health of every sensor of a site. ``step`` returns what changed."""

    def __init__(self, site: Site) -> None:
        self._health = {sensor.id: _Health(sensor) for sensor in site.sensors}

    def step(self, tick: Tick, doubts: Mapping[str, str] = NO_DOUBTS) -> list[Event]:
        """``doubts``: what the tracker says of sensors; looked at when time passes."""
        for report in tick.reports:
            if report.sensor in self._health:
                self._take_report(self._health[report.sensor], report)
        if tick.batch is not None and tick.batch.sensor in self._health:
            health = self._health[tick.batch.sensor]
            seen_ns = min(tick.t_ns, tick.batch.t_ns)  # a late batch speaks of then, not of now
            health.last_seen_ns = max(seen_ns, health.last_seen_ns or seen_ns)
            health.arrivals.append((tick.t_ns, len(tick.batch)))
            health.in_window += len(tick.batch)
            if len(tick.batch):
                delay = (tick.batch.t_recv_ns - tick.batch.t_meas_ns).mean() * 1e-9
                old = health.latency_s
                health.latency_s = float(delay) if old is None else old + 0.1 * (float(delay) - old)
        events: list[Event] = []
        if tick.batch is None:  # judged when time passes, four times a second
            for name, health in self._health.items():
                health.doubt = doubts.get(name, "")
                events += self._judge(health, tick.t_ns)
        return events

    @staticmethod
    def _take_report(health: _Health, report: SensorReport) -> None:
        broken = sum(report.counts.get(name, 0) for name in BROKEN)
        records = report.counts.get("records", 0)
        if health.report is not None and records < health.report.counts.get("records", 0):
            health.report, health.broken_before = None, (0, 0)  # the node was started again and counts anew
        if records > (0 if health.report is None else health.report.counts.get("records", 0)):
            health.heard_ns = report.t_ns
        new_broken, new_records = broken - health.broken_before[0], records - health.broken_before[1]
        if new_records >= LOST_FLOOR:
            lost = new_broken > LOST_SHARE * new_records
            health.losing = f"{new_broken} of the last {new_records} records could not be used" if lost else ""
            health.broken_before = (broken, records)
        health.degraded = report.degraded or health.losing
        health.report = report

    def _judge(self, health: _Health, t_ns: int) -> list[Event]:
        while health.arrivals and health.arrivals[0][0] <= t_ns - RATE_WINDOW_NS:
            health.in_window -= health.arrivals.popleft()[1]
        status, why = self._status_at(health, t_ns)
        if status == health.status:
            return []
        health.status = status
        if status == "waiting":
            return []
        kind = {"down": SensorDown, "stale": SensorDegraded, "degraded": SensorDegraded, "ok": SensorUp}[status]
        return [kind(seq=0, t_event_ns=t_ns, sensor=health.sensor.id, cause=why)]

    @staticmethod
    def _status_at(health: _Health, t_ns: int) -> tuple[str, str]:
        report = health.report
        if report is not None and not report.connected:
            return "down", report.detail or "no connection"
        if health.degraded and health.heard_ns is not None and t_ns - health.heard_ns < SPEAKING_NS:
            return "degraded", health.degraded  # not silent: it speaks, and what it says cannot be used
        if health.last_seen_ns is None:
            connected = report is not None
            if connected and not health.speaks_regularly:
                return "ok", "connected, nothing heard yet"
            return "waiting", "nothing heard yet"
        silent_s = (t_ns - health.last_seen_ns) * 1e-9
        period_s = health.sensor.look_period_s or SILENCE_S
        if health.speaks_regularly and silent_s > DOWN_LOOKS * period_s:
            return "down", f"silent for {silent_s:.0f} s, a look is due every {period_s:g} s"
        if health.speaks_regularly and silent_s > STALE_LOOKS * period_s:
            return "stale", f"silent for {silent_s:.1f} s, a look is due every {period_s:g} s"
        if health.degraded or health.doubt:
            return "degraded", health.degraded or health.doubt
        return "ok", "data arrives"

    def statuses(self) -> tuple[SensorStatus, ...]:
        return tuple(self._shown(health) for health in self._health.values())

    @staticmethod
    def _shown(health: _Health) -> SensorStatus:
        sensor, report = health.sensor, health.report
        detail = health.degraded or health.doubt or (report.detail if report is not None else "")
        return SensorStatus(
            id=sensor.id, kind=sensor.kind, status=health.status,
            latitude_rad=sensor.latitude_rad, longitude_rad=sensor.longitude_rad, height_m=sensor.height_m,
            last_seen_ns=health.last_seen_ns, rate_hz=health.in_window / (RATE_WINDOW_NS * 1e-9), detail=detail,
            counts=dict(report.counts) if report is not None else {}, latency_s=health.latency_s,
            azimuth_rad=sensor.azimuth_rad,
            max_range_m=sensor.max_range_m if np.isfinite(sensor.max_range_m) else None,
        )  # fmt: skip

    def dump(self) -> bytes:
        saved = [
            _Saved(
                h.sensor.id,
                h.status,
                h.last_seen_ns,
                list(h.arrivals),
                h.latency_s,
                h.report,
                h.broken_before,
                h.losing,
                h.degraded,
                h.heard_ns,
                h.doubt,
            )
            for h in self._health.values()
        ]
        return msgspec.msgpack.encode(saved, order="deterministic")

    def load(self, saved: bytes) -> None:
        for state in msgspec.msgpack.decode(saved, type=list[_Saved]):
            health = self._health[state.sensor]
            health.status, health.last_seen_ns, health.latency_s = state.status, state.last_seen_ns, state.latency_s
            health.arrivals = deque(state.arrivals)
            health.in_window = sum(n for _, n in state.arrivals)
            health.report, health.broken_before = state.report, state.broken_before
            health.losing, health.degraded, health.heard_ns = state.losing, state.degraded, state.heard_ns
            health.doubt = state.doubt
