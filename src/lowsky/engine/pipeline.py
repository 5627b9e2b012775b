"""One tick through every stage: the same synchronous function for live, replay and simulation."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec

import lowsky
from lowsky.classify.why import Why
from lowsky.constants import LATE_BUFFER_S, SECOND_NS
from lowsky.engine.fusion import HOLE_NS, LONGEST_SPARED_S, NUMBERS_SPARED, NUMBERS_SPARED_PER_S
from lowsky.engine.health import SensorHealth
from lowsky.engine.reprocess import Reprocessing, Reprocessor
from lowsky.model.events import Event, NodeStarted, TimeSetBack
from lowsky.model.measurement import MeasurementBatch
from lowsky.model.ports import OperatorAction, Tick
from lowsky.model.site import Site
from lowsky.model.status import Alert, DeskStatus, SensorStatus
from lowsky.model.track import TrackSnapshot
from lowsky.track.picture import Hypotheses
from lowsky.warn.desk import Desk
from lowsky.warn.figures import Figures

SET_BACK_NS = round(2.0 * LATE_BUFFER_S * SECOND_NS)
"""A tick that is so much older than the newest: the clock was set back. By less, data is late until time has passed."""


class _Saved(msgspec.Struct, forbid_unknown_fields=True):
    """What a pipeline is at one moment. ``version`` is ours: another version's state is not read, nor another
    site's (``place``: its origin, sensors, rules and tracker settings)."""

    version: str
    place: bytes
    seq: int
    t_ns: int | None
    objects: bytes
    desk: bytes
    health: bytes


class Pipeline:
    """The pure shard: ticks in, numbered events out, a snapshot whenever asked. No clock, no I/O.

    The same ticks give the same events and the same snapshots, byte for byte, on every machine with the same
    floating point, after ``load(dump())`` too.
    """

    def __init__(self, site: Site, tells_settled: bool = False) -> None:
        self._site = site
        self.t_ns: int | None = None
        self.eras = 0  # so often time began anew since this pipeline was made
        self._seq = 0
        self._tells_settled = tells_settled
        self._objects = Reprocessor(site, tells_settled=tells_settled)
        self._health = SensorHealth(site)
        self._desk = Desk(site)
        self._kinds = {sensor.id: sensor.measures for sensor in site.sensors}

    def step(self, tick: Tick) -> list[Event]:
        """All events of this tick, ``seq`` gapless over the pipeline's life."""
        events: list[Event] = []
        is_first = self.t_ns is None
        if self.t_ns is not None and tick.t_ns < self.t_ns - SET_BACK_NS:
            events += self._begin_anew(tick.t_ns, self.t_ns - tick.t_ns)
        if is_first:
            cause = f"first tick of {self._site.name}"
            events.append(
                NodeStarted(seq=0, t_event_ns=tick.t_ns, cause=cause, site=self._site.name, version=lowsky.__version__)
            )
        self.t_ns = tick.t_ns if self.t_ns is None else max(self.t_ns, tick.t_ns)
        if tick.actions:
            events += self._desk.step(events[:1] if is_first else [])
            return self._numbered([*events, *self._desk.act(tick.actions, self.t_ns)])
        if tick.batch is not None and not self._knows(tick.batch):
            tick = Tick(tick.t_ns, None, tick.reports)
        events += self._objects.step(tick)
        health_events = self._health.step(tick, self._objects.doubts() if tick.batch is None else {})
        events += health_events
        events += self._desk.step([*events[:1], *health_events] if is_first else health_events)
        if self._desk.has_rules and tick.batch is None and tick.t_ns % SECOND_NS == 0:
            events += self._desk.watch(self._objects.snapshot(tick.t_ns))
        if tick.batch is None:
            events += self._desk.pass_time(self.t_ns)
        return self._numbered(events)

    def _begin_anew(self, t_ns: int, by_ns: int) -> list[Event]:
        """The clock was set back, farther than late data reach: whatever comes now would be too old for the tracks that
        there are, until their time has come again. Alerts, and what people did, stay."""
        next_track_id = self._objects.next_track_id
        self._objects = Reprocessor(self._site, tells_settled=self._tells_settled)
        self._objects.continue_track_ids(next_track_id)
        self._health = SensorHealth(self._site)
        self.t_ns, self.eras = t_ns, self.eras + 1
        by_s = by_ns / SECOND_NS
        cause = f"the clock was set back by {by_s:,.0f} s"
        return [
            TimeSetBack(seq=0, t_event_ns=t_ns, cause=cause, by_s=by_s), *self._desk.set_back(t_ns, by_ns, cause),
        ]  # fmt: skip

    def _knows(self, batch: MeasurementBatch) -> bool:
        """Not what was recorded before the site file was changed, nor what says nothing at all."""
        says = len(batch) > 0 or batch.coverage is not None
        return says and self._kinds.get(batch.sensor) is batch.kind

    def _numbered(self, events: Sequence[Event]) -> list[Event]:
        numbered = []
        for event in events:
            self._seq += 1
            numbered.append(msgspec.structs.replace(event, seq=self._seq))
        return numbered

    @property
    def site(self) -> Site:
        """With the zones that people put over the API; another object whenever those change."""
        return self._desk.site

    def recall(self, actions: Iterable[OperatorAction]) -> None:
        """For a pipeline that begins in the midst of a recording: zones that people put before, out of all they did."""
        self._desk.recall(actions)

    def snapshot(self, at_ns: int | None = None) -> TrackSnapshot:
        """The picture's tracks now, with class probabilities; with ``at_ns`` older ones are predicted to it."""
        return self._objects.snapshot(at_ns)

    def why(self, track_id: int) -> Why | None:
        """What speaks for and against what a track of the picture is taken for, in decibans by kind of evidence."""
        return self._objects.why(track_id)

    def settled(self, is_end: bool = False) -> list[tuple[int, TrackSnapshot]]:
        """Whole seconds (UTC ns) that no measurement can change any more, each once and in order, with the picture that
        all of them give; nothing without ``tells_settled``. Its track numbers are its own: they are the same however
        late measurements came, which those shown cannot be."""
        return self._objects.settled(is_end)

    @property
    def reprocessing(self) -> Reprocessing:
        """What became of late measurements."""
        return self._objects.told

    def hypotheses(self, at_ns: int) -> Hypotheses:
        """Everything the tracker holds possible, candidates too, predicted to a time. Changes nothing."""
        return self._objects.hypotheses(at_ns)

    @property
    def sensors(self) -> tuple[SensorStatus, ...]:
        return tuple(
            msgspec.structs.replace(status, registration=self._objects.registered(status.id))
            for status in self._health.statuses()
        )

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return self._desk.alerts()

    @property
    def desk(self) -> DeskStatus:
        return self._desk.status()

    def figures(self) -> Figures:
        """How the alert desk itself does."""
        return self._desk.figures(self.t_ns or 0)

    @property
    def next_track_id(self) -> int:
        """The number the next track will get."""
        return self._objects.next_track_id

    def continue_track_ids(self, next_track_id: int) -> None:
        """Give out no number below this one: they were given out before."""
        self._objects.continue_track_ids(next_track_id)

    def dump(self) -> bytes:
        """Everything ``load`` needs to go on exactly."""
        saved = _Saved(
            version=lowsky.__version__, place=_place_of(self._site), seq=self._seq, t_ns=self.t_ns,
            objects=self._objects.dump(), desk=self._desk.dump(), health=self._health.dump(),
        )  # fmt: skip
        return msgspec.msgpack.encode(saved)

    def load(self, saved: bytes) -> None:
        """Go on from a ``dump``. Raises ``ValueError`` where it is of another version or site, or not a dump."""
        try:
            state = msgspec.msgpack.decode(saved, type=_Saved)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a saved pipeline: {error}") from None
        if state.version != lowsky.__version__:
            raise ValueError(f"saved by version {state.version}, this is {lowsky.__version__}")
        if state.place != _place_of(self._site):
            raise ValueError("saved with another origin, other sensors, rules or tracker settings in the site file")
        self._seq, self.t_ns = state.seq, state.t_ns
        self._objects.load(state.objects)
        self._desk.load(state.desk)
        self._health.load(state.health)


def _place_of(site: Site) -> bytes:
    """What of a site the state of a pipeline depends on."""
    place = (
        site.latitude_rad, site.longitude_rad, site.height_m, site.sensors, site.tracker, site.zones, site.rules,
        site.zone_files, site.wind,
    )  # fmt: skip
    return blake2b(msgspec.msgpack.encode(place, order="deterministic"), digest_size=16).digest()


__all__ = ["HOLE_NS", "LONGEST_SPARED_S", "NUMBERS_SPARED", "NUMBERS_SPARED_PER_S", "SET_BACK_NS", "Pipeline"]
