"""What the picture says beside the tracks: sensors, alerts, where we are in time."""

import math

import msgspec

DEGREES = 180.0 / math.pi


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """How far a sensor is off, as far as objects that report themselves have told, or, where none does, the plots of
    the radar ``relative_to``: estimate and 1σ, SI and radians.

    Stated minus true. None where nothing of use is known yet (σ above half of what was expected beforehand). The σ is
    the lower bound of any estimate from what was heard. ``corrected``: the tracker takes the errors off its rows.
    """

    corrected: bool
    range_m: tuple[float, float] | None = None
    azimuth_rad: tuple[float, float] | None = None
    elevation_rad: tuple[float, float] | None = None
    time_s: tuple[float, float] | None = None
    east_m: tuple[float, float] | None = None  # where it stands
    north_m: tuple[float, float] | None = None
    relative_to: str | None = None  # nobody knows whether that radar is right

    def __str__(self) -> str:
        parts = [
            (self.range_m, 1.0, "{:+.1f} ± {:.1f} m in range"),
            (self.azimuth_rad, DEGREES, "{:+.2f} ± {:.2f}° in azimuth"),
            (self.elevation_rad, DEGREES, "{:+.2f} ± {:.2f}° in elevation"),
            (self.time_s, 1.0, "{:+.2f} ± {:.2f} s in time"),
            (self.east_m, 1.0, "{:+.1f} ± {:.1f} m east"),
            (self.north_m, 1.0, "{:+.1f} ± {:.1f} m north"),
        ]
        said = [text.format(value[0] * unit, value[1] * unit) for value, unit, text in parts if value is not None]
        beside = f" relative to {self.relative_to}" if self.relative_to else ""
        return (", ".join(said) or "not observable yet") + beside + (" (corrected)" if self.corrected else "")


class SensorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One sensor's health at the time of the picture. ``status``: waiting, ok, stale, degraded, down."""

    id: str
    kind: str
    status: str
    latitude_rad: float
    longitude_rad: float
    height_m: float
    last_seen_ns: int | None
    rate_hz: float  # measurements per second over the last 10 s
    detail: str = ""
    counts: dict[str, int] = {}  # records, measurements, held, errors, and each Reject by name, since start
    latency_s: float | None = None  # t_recv − t_meas, smoothed over the last looks
    azimuth_rad: tuple[float, float] = (0.0, 6.283185307179586)
    max_range_m: float | None = None
    registration: Registered | None = None  # None: nothing has told yet


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input of a rule beside its limit."""

    what: str  # existence, class, speed, …
    value: float | str | None  # what was found, in SI units and probabilities; None: not known
    needs: float | str | None = None  # what the rule asks for; None: it asks for nothing, this is said beside
    unit: str = ""


ALERT_STATES = ("new", "escalated", "acknowledged", "shelved", "cleared-unacknowledged")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wrote to an alert."""

    t_ns: int
    user: str
    seat: str
    text: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A situation that needs a person. ``priority``: high, medium, low. ``why``: the rule and its inputs, in words;
    ``checks`` the same as data. ``track_ids``: who satisfies a rule now, ``track_id`` the one to look at.

    ``waits_ns`` is since when it waits for somebody to acknowledge it, ``cleared_ns`` when its situation ended,
    ``escalation`` 0, 1 (louder) or 2 (a second recipient is told). ``times``: so often did its source come back before
    anybody acknowledged it.
    """

    id: int
    priority: str
    title: str
    raised_ns: int
    sensor: str | None = None
    track_id: int | None = None
    why: str = ""
    checks: tuple[Check, ...] = ()
    rule: str | None = None
    zones: tuple[str, ...] = ()
    track_ids: tuple[int, ...] = ()
    unwatched: str | None = None  # the zone that no sensor watches
    waits_ns: int = 0
    cleared_ns: int | None = None
    acknowledged_ns: int | None = None
    acknowledged_by: str = ""
    acknowledged_seat: str = ""
    shelved_until_ns: int | None = None
    shelved_by: str = ""
    shelf_reason: str = ""
    escalation: int = 0
    times: int = 1
    notes: tuple[Note, ...] = ()

    @property
    def state(self) -> str:
        """One of ALERT_STATES."""
        if self.cleared_ns is not None:
            return "cleared-unacknowledged"
        if self.shelved_until_ns is not None:
            return "shelved"
        if self.acknowledged_ns is not None:
            return "acknowledged"
        return "escalated" if self.escalation else "new"

    @property
    def waits(self) -> bool:
        """Does it still wait for somebody?"""
        return self.acknowledged_ns is None and self.shelved_until_ns is None

    @property
    def new_ns(self) -> int:
        """Since when it is new to whoever listens: raised, become more urgent, off the shelf."""
        return max(self.raised_ns, self.waits_ns)

    @property
    def source(self) -> str:
        """What it came from, for counting: a sensor, a zone nobody watches, or a rule."""
        if self.sensor is not None:
            return f"sensor {self.sensor}"
        if self.unwatched is not None:
            return f"zone {self.unwatched}"
        return f"rule {self.rule}" if self.rule else "other"


class DeskStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The alert desk as a whole. ``flood_since_ns``: since when more comes than one person can treat; None: it does
    not."""

    flood_since_ns: int | None = None
    flood_alerts: int = 0
    recent: int = 0  # alerts of the last ten minutes


NO_FLOOD = DeskStatus()


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the demo. ``origin`` is "recorded" or "simulated" and is shown as such, always."""

    name: str
    title: str
    description: str
    origin: str
