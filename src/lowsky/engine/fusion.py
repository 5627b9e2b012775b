"""What measurements say of objects: tracker and classifier as one, so that both can be run again together."""

from collections.abc import Sequence

import msgspec
import numpy as np

from lowsky.classify.classifier import Classifier
from lowsky.classify.why import Why
from lowsky.constants import SECOND_NS
from lowsky.model.events import Event, TrackDropped
from lowsky.model.measurement import Floats, Ints
from lowsky.model.ports import Tick
from lowsky.model.site import Site
from lowsky.model.status import Registered
from lowsky.model.track import TrackSnapshot
from lowsky.track.picture import Hypotheses
from lowsky.track.tracker import Tracker

HOLE_NS = 1_000_000_000
"""Live, time passes four times a second. A step beyond this is where a node was down, or files where nothing was."""

NUMBERS_SPARED = 500
NUMBERS_SPARED_PER_S = 10
LONGEST_SPARED_S = 3600
"""Before a hole a node may have shown tracks that it could no longer record (killed within the second, or long on
a full disk). Their numbers are spared: so many, and so many for each second of the hole, up to the next thousand."""

CLAIM_WEIGHT = 0.5
"""From this association probability on a row is a track's, and no other's."""


class _Saved(msgspec.Struct, array_like=True):
    t_ns: int | None
    due_ns: int | None
    gone: list[int]
    tracker: bytes
    classifier: bytes


class Fusion:
    """One line of ticks in their order, taken one by one. Track numbers are this line's own: they depend on its ticks
    alone, so they are the same however late the ticks came.

    ``second`` is, after a step, the picture at the whole second that ended with it, else None; only with
    ``tells_seconds``.
    """

    def __init__(self, site: Site, tells_seconds: bool = False) -> None:
        self._tracker = Tracker(site)
        self._classifier = Classifier(site)
        self._gone: list[int] = []
        self.t_ns: int | None = None
        self.tells_seconds = tells_seconds
        self._due_ns: int | None = None  # a whole second whose measurements may still come
        self.second: tuple[int, TrackSnapshot] | None = None

    def step(self, tick: Tick) -> Sequence[Event]:
        self.second = None
        if self._due_ns is not None and tick.t_ns > self._due_ns:
            self.end_second()
        if self.t_ns is not None and tick.t_ns > self.t_ns + HOLE_NS:
            # decided by the ticks alone, so that a replay gives the numbers that were shown
            self.continue_track_ids(after_hole(self.next_track_id, tick.t_ns - self.t_ns))
        self.t_ns = tick.t_ns if self.t_ns is None else max(self.t_ns, tick.t_ns)
        self._classifier.forget(self._gone)  # a step late: the snapshot between shows what a dropped track was
        events = self._tracker.step(tick)
        self._gone = [event.track_id for event in events if isinstance(event, TrackDropped)]
        if tick.batch is not None:
            seen = self._tracker.associated
            moving = self._tracker.moving(np.unique(seen.track_id)) if len(seen.track_id) else None
            self._classifier.step(tick.batch, seen.track_id, seen.row, seen.weight, moving)
        elif self.tells_seconds and tick.t_ns % SECOND_NS == 0:
            self._due_ns = tick.t_ns
        return events

    def end_second(self) -> None:
        """No more measurements come for the second that is due, if one is."""
        if self._due_ns is not None:
            self.second = (self._due_ns, self.snapshot(self._due_ns))
            self._due_ns = None

    def snapshot(self, at_ns: int | None = None) -> TrackSnapshot:
        tracks = self._tracker.snapshot(at_ns)
        known = self._classifier
        return replace_classes(tracks, known.probabilities(tracks.track_id), known.drone_evidence(tracks.track_id))

    def why(self, track_id: int) -> Why | None:
        """What speaks for and against the class of a track, by this line's own number."""
        return self._classifier.why(track_id)

    def hypotheses(self, at_ns: int) -> Hypotheses:
        return self._tracker.hypotheses(at_ns)

    def doubts(self) -> dict[str, str]:
        return self._tracker.doubts()

    def registered(self, sensor: str) -> Registered | None:
        return self._tracker.registered(sensor)

    @property
    def claims(self) -> tuple[Ints, Ints]:
        """Rows of the last batch that are surely one track's, and its number, int64[K] both."""
        seen = self._tracker.associated
        sure = seen.weight > CLAIM_WEIGHT
        return seen.row[sure], seen.track_id[sure]

    @property
    def next_track_id(self) -> int:
        return self._tracker.next_track_id

    def continue_track_ids(self, next_track_id: int) -> None:
        self._tracker.continue_track_ids(next_track_id)

    def known_track_ids(self) -> list[int]:
        """Of tracks that are alive, or whose number is kept for their identity's return."""
        return self._tracker.known_track_ids()

    @property
    def rows_in_table(self) -> int:
        """Potential objects, shown or not: what a step costs goes by them."""
        return self._tracker.rows_in_table

    def copy(self) -> "Fusion":
        """Another in the same state; neither knows of the other."""
        twin = Fusion.__new__(Fusion)
        twin._tracker, twin._classifier = self._tracker.copy(), self._classifier.copy()
        twin._gone, twin.t_ns, twin._due_ns = list(self._gone), self.t_ns, self._due_ns
        twin.tells_seconds, twin.second = self.tells_seconds, None
        return twin

    def dump(self) -> bytes:
        saved = _Saved(self.t_ns, self._due_ns, self._gone, self._tracker.dump(), self._classifier.dump())
        return msgspec.msgpack.encode(saved)

    def load(self, saved: bytes) -> None:
        state = msgspec.msgpack.decode(saved, type=_Saved)
        self.t_ns, self._due_ns, self._gone = state.t_ns, state.due_ns, state.gone
        self._tracker.load(state.tracker)
        self._classifier.load(state.classifier)


def after_hole(next_track_id: int, hole_ns: int) -> int:
    """The number to go on with: numbers are never given out twice, also not those that nobody could record."""
    hole_s = min(hole_ns // HOLE_NS, LONGEST_SPARED_S)
    least = next_track_id + NUMBERS_SPARED + NUMBERS_SPARED_PER_S * hole_s
    return -(-least // 1000) * 1000 + 1


def replace_classes(tracks: TrackSnapshot, p_class: Floats, drone_evidence: Floats) -> TrackSnapshot:
    """The same tracks with other class probabilities float64[N, len(ObjectClass)], and what they rest on."""
    values = {name: getattr(tracks, name) for name in TrackSnapshot.__dataclass_fields__}
    return TrackSnapshot(**{**values, "class_probability": p_class, "drone_evidence": drone_evidence})
