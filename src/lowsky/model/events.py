"""Facts at a time. Frozen, gapless in ``seq``, written to disk and sent to the screen."""

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """``seq`` counts without gaps from 1 in one pipeline; ``t_event_ns`` is UTC; ``cause`` says why in words."""

    seq: int
    t_event_ns: int
    cause: str


class NodeStarted(Event, frozen=True, kw_only=True):
    site: str
    version: str


class TrackStarted(Event, frozen=True, kw_only=True):
    track_id: int
    sensor: str


class TrackConfirmed(Event, frozen=True, kw_only=True):
    track_id: int
    existence: float


class TrackCoasting(Event, frozen=True, kw_only=True):
    track_id: int


class TrackDropped(Event, frozen=True, kw_only=True):
    track_id: int
    existence: float


class TracksMerged(Event, frozen=True, kw_only=True):
    track_id: int  # the one that stays
    merged_track_id: int


class TrackIdentified(Event, frozen=True, kw_only=True):
    """A track took over a declared identity."""

    track_id: int
    identity: str


class ClaimContradicted(Event, frozen=True, kw_only=True):
    """What a track says of itself is not what independent sensors see; ``cause`` has the numbers."""

    track_id: int
    identity: str


class ClaimConsistent(Event, frozen=True, kw_only=True):
    """Independent sensors see a track where it says it is."""

    track_id: int
    identity: str


class SensorUp(Event, frozen=True, kw_only=True):
    sensor: str


class SensorDegraded(Event, frozen=True, kw_only=True):
    sensor: str


class SensorDown(Event, frozen=True, kw_only=True):
    sensor: str


class AlertRaised(Event, frozen=True, kw_only=True):
    alert_id: int
    priority: str
    title: str
    sensor: str | None = None
    track_id: int | None = None


class AlertRaisedHigher(Event, frozen=True, kw_only=True):
    """An open alert has become more urgent."""

    alert_id: int
    priority: str
    title: str


class AlertCleared(Event, frozen=True, kw_only=True):
    alert_id: int


AnyEvent = (
    NodeStarted | TrackStarted | TrackConfirmed | TrackCoasting | TrackDropped | TracksMerged | TrackIdentified
    | ClaimContradicted | ClaimConsistent | SensorUp | SensorDegraded | SensorDown | AlertRaised | AlertRaisedHigher
    | AlertCleared
)  # fmt: skip
