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


class TimeSetBack(Event, frozen=True, kw_only=True):
    """The clock that orders everything was set back: tracks, and what was learnt of sensors, begin anew."""

    by_s: float


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
    instead_of: int | None = None  # the unacknowledged alert that this one takes over from: the same source again


class AlertRaisedHigher(Event, frozen=True, kw_only=True):
    """An open alert has become more urgent."""

    alert_id: int
    priority: str
    title: str


class AlertCleared(Event, frozen=True, kw_only=True):
    """Its situation is over. Unless somebody acknowledged it, it stays on the desk until somebody does."""

    alert_id: int


class AlertAcknowledged(Event, frozen=True, kw_only=True):
    alert_id: int
    user: str
    seat: str


class AlertShelved(Event, frozen=True, kw_only=True):
    """Somebody wants to hear no more of it until then; ``cause`` is the reason that was given."""

    alert_id: int
    user: str
    seat: str
    until_ns: int


class AlertUnshelved(Event, frozen=True, kw_only=True):
    """It counts again. ``user`` None: by itself, at the end of its time or because it became more urgent."""

    alert_id: int
    user: str | None = None
    seat: str = ""


class AlertNoted(Event, frozen=True, kw_only=True):
    """``cause`` is the note."""

    alert_id: int
    user: str
    seat: str


class AlertEscalated(Event, frozen=True, kw_only=True):
    """Nobody has acknowledged it. ``level`` 1: louder; 2: ``recipient`` is told, too."""

    alert_id: int
    level: int
    priority: str
    title: str
    recipient: str = ""


class AlertClosed(Event, frozen=True, kw_only=True):
    """Left the desk without having been acknowledged; ``cause`` says why."""

    alert_id: int


class ActionRefused(Event, frozen=True, kw_only=True):
    """What somebody asked for cannot be done; ``cause`` says why, ``why`` in a word: unknown, stale, impossible."""

    key: str
    alert_id: int
    why: str


class ZonePut(Event, frozen=True, kw_only=True):
    """Somebody put a zone over the API, or another one in its place; ``cause`` says what it is."""

    zone_id: str
    user: str
    seat: str = ""


class ZoneRemoved(Event, frozen=True, kw_only=True):
    zone_id: str
    user: str
    seat: str = ""


class FloodBegan(Event, frozen=True, kw_only=True):
    """More alerts than one person can treat. Told once."""

    alerts: int  # of the last ten minutes


class FloodEnded(Event, frozen=True, kw_only=True):
    alerts: int  # of the whole flood


AnyEvent = (
    NodeStarted | TimeSetBack | TrackStarted | TrackConfirmed | TrackCoasting | TrackDropped | TracksMerged
    | TrackIdentified | ClaimContradicted | ClaimConsistent | SensorUp | SensorDegraded | SensorDown
    | AlertRaised | AlertRaisedHigher | AlertCleared | AlertAcknowledged | AlertShelved | AlertUnshelved
    | AlertNoted | AlertEscalated | AlertClosed | ActionRefused | ZonePut | ZoneRemoved | FloodBegan
    | FloodEnded
)  # fmt: skip
