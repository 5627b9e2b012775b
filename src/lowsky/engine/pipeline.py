"""One tick through every stage: the same synchronous function for live, replay and simulation."""

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

import lowsky
from lowsky.classify.classifier import Classifier
from lowsky.engine.health import SensorHealth
from lowsky.model.events import Event, NodeStarted, TrackDropped
from lowsky.model.measurement import Floats
from lowsky.model.ports import Tick
from lowsky.model.site import Site
from lowsky.model.status import Alert, SensorStatus
from lowsky.model.track import TrackSnapshot
from lowsky.track.picture import Hypotheses
from lowsky.track.tracker import Tracker
from lowsky.warn.desk import Desk

HOLE_NS = 1_000_000_000
"""Live, time passes four times a second. A step beyond this is where a node was down, or files where nothing was."""

NUMBERS_SPARED = 500
NUMBERS_SPARED_PER_S = 10
LONGEST_SPARED_S = 3600
"""Before a hole a node may have shown tracks that it could no longer record (killed within the second, or long on
a full disk). Their numbers are spared: so many, and so many for each second of the hole, up to the next thousand."""


class _Saved(msgspec.Struct, forbid_unknown_fields=True):
    """What a pipeline is at one moment. ``version`` is ours: another version's state is not read, nor another
    site's (``place``: its origin and sensors)."""

    version: str
    place: bytes
    seq: int
    t_ns: int | None
    gone: list[int]
    tracker: bytes
    classifier: bytes
    desk: bytes
    health: bytes


class Pipeline:
    """The pure shard: ticks in, numbered events out, a snapshot whenever asked. No clock, no I/O.

    The same ticks give the same events and the same snapshots, byte for byte, on every machine with the same
    floating point, after ``load(dump())`` too.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.t_ns: int | None = None
        self._seq = 0
        self._gone: list[int] = []
        self._tracker = Tracker(site)
        self._classifier = Classifier()
        self._health = SensorHealth(site)
        self._desk = Desk()
        self._kinds = {sensor.id: sensor.measures for sensor in site.sensors}

    def step(self, tick: Tick) -> list[Event]:
        """All events of this tick, ``seq`` gapless over the pipeline's life."""
        events: list[Event] = []
        if self.t_ns is None:
            cause = f"first tick of {self.site.name}"
            events.append(
                NodeStarted(seq=0, t_event_ns=tick.t_ns, cause=cause, site=self.site.name, version=lowsky.__version__)
            )
        elif tick.t_ns > self.t_ns + HOLE_NS:
            self._spare_numbers(tick.t_ns - self.t_ns)
        if tick.batch is not None and self._kinds.get(tick.batch.sensor) is not tick.batch.kind:
            tick = Tick(tick.t_ns, None, tick.reports)  # recorded before the site file was changed
        self.t_ns = tick.t_ns if self.t_ns is None else max(self.t_ns, tick.t_ns)
        self._classifier.forget(self._gone)  # a step late: the snapshot between shows what a dropped track was
        track_events = self._tracker.step(tick)
        self._gone = [event.track_id for event in track_events if isinstance(event, TrackDropped)]
        events += track_events
        if tick.batch is not None:
            seen = self._tracker.associated
            self._classifier.step(tick.batch, seen.track_id, seen.row, seen.weight)
        health_events = self._health.step(tick, self._tracker.doubts() if tick.batch is None else {})
        events += health_events
        events += self._desk.step(health_events)
        return self._numbered(events)

    def _spare_numbers(self, hole_ns: int) -> None:
        """Numbers are never given out twice, also not those that nobody could record. Decided by the ticks alone,
        so that a replay gives the numbers that were shown."""
        hole_s = min(hole_ns // HOLE_NS, LONGEST_SPARED_S)
        least = self.next_track_id + NUMBERS_SPARED + NUMBERS_SPARED_PER_S * hole_s
        self.continue_track_ids(-(-least // 1000) * 1000 + 1)

    def _numbered(self, events: Sequence[Event]) -> list[Event]:
        numbered = []
        for event in events:
            self._seq += 1
            numbered.append(msgspec.structs.replace(event, seq=self._seq))
        return numbered

    def snapshot(self, at_ns: int | None = None) -> TrackSnapshot:
        """The picture's tracks now, with class probabilities; with ``at_ns`` older ones are predicted to it."""
        tracks = self._tracker.snapshot(at_ns)
        return replace_classes(tracks, self._classifier.probabilities(tracks.track_id))

    def hypotheses(self, at_ns: int) -> Hypotheses:
        """Everything the tracker holds possible, candidates too, predicted to a time. Changes nothing."""
        return self._tracker.hypotheses(at_ns)

    @property
    def sensors(self) -> tuple[SensorStatus, ...]:
        return tuple(
            msgspec.structs.replace(status, registration=self._tracker.registered(status.id))
            for status in self._health.statuses()
        )

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return self._desk.alerts()

    @property
    def next_track_id(self) -> int:
        """The number the next track will get."""
        return self._tracker.next_track_id

    def continue_track_ids(self, next_track_id: int) -> None:
        """Give out no number below this one: they were given out before."""
        self._tracker.continue_track_ids(next_track_id)

    def dump(self) -> bytes:
        """Everything ``load`` needs to go on exactly."""
        saved = _Saved(
            version=lowsky.__version__, place=_place_of(self.site), seq=self._seq, t_ns=self.t_ns, gone=self._gone,
            tracker=self._tracker.dump(), classifier=self._classifier.dump(),
            desk=self._desk.dump(), health=self._health.dump(),
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
        if state.place != _place_of(self.site):
            raise ValueError("saved with another origin or other sensors in the site file")
        self._seq, self.t_ns, self._gone = state.seq, state.t_ns, state.gone
        self._tracker.load(state.tracker)
        self._classifier.load(state.classifier)
        self._desk.load(state.desk)
        self._health.load(state.health)


def _place_of(site: Site) -> bytes:
    """What of a site the state of a pipeline depends on."""
    place = (site.latitude_rad, site.longitude_rad, site.height_m, site.sensors)
    return blake2b(msgspec.msgpack.encode(place), digest_size=16).digest()


def replace_classes(tracks: TrackSnapshot, p_class: Floats) -> TrackSnapshot:
    """The same tracks with other class probabilities float64[N, len(ObjectClass)]."""
    values = {name: getattr(tracks, name) for name in TrackSnapshot.__dataclass_fields__}
    return TrackSnapshot(**{**values, "class_probability": p_class})
