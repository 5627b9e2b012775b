"""Zones that are watched and rules that say when somebody is told: facts of the site file, in SI units and radians."""

import math

import msgspec

PRIORITIES = ("high", "medium", "low")
SHAPES = ("polygon", "corridor", "circle")
DAY_S = 86_400.0


class Zone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place over the ground between two heights, at some hours.

    ``corners`` are latitude and longitude of a polygon's corners, of a corridor's line or of a circle's middle; what
    lies within ``reach_m`` of line or middle belongs to it. Heights are WGS-84 ellipsoidal. ``hours`` are from and to
    in seconds of the UTC day (to may be past midnight), none: always.
    """

    id: str
    shape: str
    corners: tuple[tuple[float, float], ...]
    reach_m: float = 0.0
    floor_m: float = -math.inf
    ceiling_m: float = math.inf
    hours: tuple[tuple[float, float], ...] = ()

    def is_watched(self, t_ns: int) -> bool:
        """At this moment, UTC ns."""
        second = t_ns // 1_000_000_000 % 86_400
        return not self.hours or any(
            begin <= second < end or begin <= second + DAY_S < end for begin, end in self.hours
        )


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When to tell: all that is said has to hold of one track, for ``count`` of them.

    ``within_s`` 0: the object is in the zone; else it will enter it within so long, with ``probability``.
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
    anonymous: bool = False  # only who declares no identity
    on_s: float = 1.0  # it has to hold for so long …
    off_s: float = 30.0  # … and not to hold for so long
