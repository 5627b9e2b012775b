"""One change in the life of an alert, with everything an output needs to tell of it. Goes to disk before it is told."""

import msgspec

from lowsky.model.status import Check
from lowsky.model.zone import Zone

CHANGES = ("raised", "raised-higher", "acknowledged", "shelved", "unshelved", "escalated", "cleared")
IDENTITY_STATES = ("none", "consistent", "unconfirmed", "contradicted")


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object of an alert as the picture had it then. What is not known is None, never 0.

    Position and height are WGS-84 (ellipsoidal). ``radius_95_m`` is that of the circle around the position in which the
    object is with probability 0.95, ``height_95_m`` the same up and down. ``identity`` came over the air: hostile text.
    """

    track_id: int
    latitude_rad: float | None = None
    longitude_rad: float | None = None
    height_m: float | None = None
    radius_95_m: float | None = None
    height_95_m: float | None = None
    east_mps: float | None = None
    north_mps: float | None = None
    up_mps: float | None = None
    existence: float | None = None
    class_name: str = "unknown"  # of model.classes
    class_probability: float | None = None
    identity: str | None = None
    identity_state: str = "none"  # of IDENTITY_STATES
    sensors: tuple[str, ...] = ()  # that see it
    # personal data: filled in only where an output of the site asks for it
    operator_latitude_rad: float | None = None
    operator_longitude_rad: float | None = None


class Reference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An earlier occurrence of the same alert, with what says who was told of it (``Output.wants``)."""

    number: int
    t_ns: int
    change: str = "raised"
    priority: str = "high"
    zones: tuple[str, ...] = ()


class Occurrence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change of one alert. Self-contained: outputs never reach into the pipeline.

    ``number`` counts without gaps in one ``series``; a series is one outbox file, named by a few random characters, so
    that series and number together are never used twice. ``references`` are all earlier occurrences of the alert,
    oldest first. ``is_exercise``: not real, and every output says so. ``is_repeat``: it may have been sent before
    (set when it is sent; what lies on disk says False).
    """

    series: str
    number: int
    t_ns: int  # UTC of the event
    change: str  # of CHANGES
    site: str
    alert_id: int  # as on the page; may be given again after a start without saved state
    priority: str  # high, medium, low
    title: str
    raised_ns: int
    cause: str = ""  # of this change, in words
    by: str | None = None  # who acknowledged, shelved, …
    until_ns: int | None = None  # shelved: how long
    escalation: int = 0  # escalated: 1 it is louder now, 2 the second recipient is to be told
    why: str = ""  # rule and inputs in words …
    checks: tuple[Check, ...] = ()  # … and as data
    rule: str | None = None
    zones: tuple[str, ...] = ()  # ids of all it has been about so far, the newest last; their shapes are in the site
    put_zones: tuple[Zone, ...] = ()  # places of the newest of them that came over the API, and so are in no site file
    sensor: str | None = None  # of an alert about a sensor
    subjects: tuple[Subject, ...] = ()  # most urgent first; at most MOST_SUBJECTS
    count: int = 0  # objects in all
    references: tuple[Reference, ...] = ()
    is_exercise: bool = False
    is_repeat: bool = False

    @property
    def key(self) -> str:
        """The alert's own name, for as long as anybody remembers it: the occurrence that raised it."""
        return f"{self.series}-{self.references[0].number if self.references else self.number}"

    @property
    def name(self) -> str:
        """This occurrence's own name; the same when it is sent again."""
        return f"{self.series}-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.change != "cleared"


class Seen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every object of the picture at one moment, for outputs that show pictures (a map elsewhere). Never kept: the
    newest is sent, and what was missed stays missed."""

    t_ns: int
    site: str
    subjects: tuple[Subject, ...]
    alerted: frozenset[int] = frozenset()  # tracks that an open alert names
    is_exercise: bool = False


MOST_SUBJECTS = 20
MOST_PUT_ZONES = 10

__all__ = [
    "CHANGES",
    "IDENTITY_STATES",
    "MOST_PUT_ZONES",
    "MOST_SUBJECTS",
    "Check",
    "Occurrence",
    "Reference",
    "Seen",
    "Subject",
]
