"""Zones that are watched and rules that say when somebody is told: facts of the site file, in SI units and radians."""

import math
import re

import msgspec

from lowsky.constants import SECOND_NS

PRIORITIES = ("high", "medium", "low")
SHAPES = ("polygon", "corridor", "circle")
DAY_S = 86_400.0
IDENTITY_STATES = ("consistent", "unconfirmed", "contradicted", "none")  # of what an object says it is
MOST_ZONES = 1_000
MOST_CORNERS = 10_000
OVER_API = "api"
"""How rules name all zones that are put over the API; "api/NAME" is one of them, and its id everywhere."""
NAME_OVER_API = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
FARTHEST_M = 200_000.0  # from the site; the frame's plane and the probability of entry end long before


ALL_DAYS = 0b1111111  # bit 0 is Monday


class Period(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A time of UTC, ns; in it ``weekly``: days (bits), from and to in seconds of the day they begin on (to may be past
    midnight), none: all the time. None: no begin, no end."""

    begin_ns: int | None = None
    end_ns: int | None = None
    weekly: tuple[tuple[int, float, float], ...] = ()

    def holds(self, t_ns: int) -> bool:
        if (self.begin_ns is not None and t_ns < self.begin_ns) or (self.end_ns is not None and t_ns >= self.end_ns):
            return False
        day, second = divmod(t_ns // SECOND_NS, 86_400)
        weekday = (day + 3) % 7  # 1 January 1970 was a Thursday
        return not self.weekly or any(
            (days >> weekday & 1 and begin <= second < end)
            or (days >> (weekday - 1) % 7 & 1 and begin <= second + DAY_S < end)
            for days, begin, end in self.weekly
        )


def every_day(hours: tuple[tuple[float, float], ...]) -> tuple[Period, ...]:
    """The same clock times on all days; none: always."""
    return (Period(weekly=tuple((ALL_DAYS, begin, end) for begin, end in hours)),) if hours else ()


def is_any(periods: tuple[Period, ...], t_ns: int) -> bool:
    """Does one of them hold at this moment, UTC ns? None at all: always."""
    return not periods or any(period.holds(t_ns) for period in periods)


def is_over_api(name: str) -> bool:
    """May it come, or does it stand for what may come, over the API?"""
    group, _, own = name.partition("/")
    return group == OVER_API and (name == OVER_API or NAME_OVER_API.fullmatch(own) is not None)


class Zone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place over the ground between two heights, at some times.

    ``corners`` are latitude and longitude of a polygon's corners, of a corridor's line or of a circle's middle; what
    lies within ``reach_m`` of line or middle belongs to it, what lies in one of a polygon's ``holes`` does not. Heights
    are WGS-84 ellipsoidal. One of ``periods`` has to hold; none: always. A zone out of a file has its ``file``'s id and
    ``feature``, several zones may be of one; ``label`` and ``restriction`` are the file's words.
    """

    id: str
    shape: str
    corners: tuple[tuple[float, float], ...]
    holes: tuple[tuple[tuple[float, float], ...], ...] = ()
    reach_m: float = 0.0
    floor_m: float = -math.inf
    ceiling_m: float = math.inf
    periods: tuple[Period, ...] = ()
    file: str = ""
    feature: str = ""
    label: str = ""
    restriction: str = ""

    def is_watched(self, t_ns: int) -> bool:
        """At this moment, UTC ns."""
        return is_any(self.periods, t_ns)

    @property
    def is_sound(self) -> bool:
        """Can it be laid on the ground? Asked of zones that come with a recording, which may be anybody's."""
        least = {"polygon": 3, "corridor": 2, "circle": 1}.get(self.shape, MOST_CORNERS + 1)
        rings = (self.corners, *self.holes)
        return (
            least <= len(self.corners)
            and all(len(hole) >= 3 for hole in self.holes)
            and sum(map(len, rings)) <= MOST_CORNERS
            and all(abs(lat) <= math.pi / 2.0 and abs(lon) <= math.pi for ring in rings for lat, lon in ring)
            and 0.0 <= self.reach_m <= FARTHEST_M
            and self.floor_m < self.ceiling_m
        )


class ZoneFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of one file of zones. ``lost``: what is not watched that should be; ``notes``: what is watched
    otherwise than the file says, on the safe side."""

    id: str
    path: str
    zones: int = 0
    elsewhere: int = 0  # too far from the site
    unwanted: int = 0  # of restrictions or ids that the site file does not ask for
    features: tuple[str, ...] = ()  # all that could be read, so that rules may name them
    lost: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When to tell: all that is said has to hold of one track, for ``count`` of them.

    ``within_s`` 0: the object is in the zone; else it will enter it within so long, with ``probability``. A rule with
    costs has no limits of probability of its own: a warning is worth it when what it costs, should it be false, is less
    than what it saves (``least``).
    """

    id: str
    priority: str
    zones: tuple[str, ...]  # any of them; none: wherever it is
    classes: tuple[str, ...] = ()  # any of them; none: whatever it is
    class_probability: float = 0.8  # of all of ``classes`` together
    existence: float = 0.9
    within_s: float = 0.0
    probability: float = 0.5
    floor_m: float = -math.inf
    ceiling_m: float = math.inf
    speed_mps: tuple[float, float] = (0.0, math.inf)
    sensors: int = 1  # that see it, at least
    count: int = 1
    sensor_kinds: int = 1  # of different kinds among them, at least
    anonymous: bool = False  # only who declares no identity
    identity: tuple[str, ...] = ()  # of IDENTITY_STATES, any of them; none: whatever it says
    cost_missed: float | None = None  # of an object that comes and nobody is told of …
    cost_false: float | None = None  # … and of telling of one that does not, in the same unit
    periods: tuple[Period, ...] = ()  # of which one has to hold; none: always
    on_s: float = 2.0  # it has to hold for so long, in three of five seconds …
    off_s: float = 30.0  # … and not to hold for so long

    @property
    def least(self) -> float | None:
        """Probability that it is there, of the class, and enters, from which a rule with costs tells: where the
        expected cost of silence is that of a false warning (docs/science 1.12)."""
        if self.cost_missed is None or self.cost_false is None:
            return None
        return self.cost_false / (self.cost_false + self.cost_missed)
