"""The wind of an aviation weather report: METAR and SPECI text → direction and speed.

After ICAO Annex 3, appendix 3, 4.1 (surface wind): ``dddff(Gfmfm)KT|MPS``, ``VRB``, ``00000`` for calm, ``P`` for more
than can be said, and ``dnVdx`` where the direction varies. KMH was in use until 2013.
"""

import math
import re
from dataclasses import dataclass

from lowsky.constants import KNOT_MPS
from lowsky.errors import DecodeError

WIND = re.compile(
    r"(?:^|\s)(?P<from>\d{3}|VRB)(?P<speed>P?\d{2,3})(?:G(?P<gust>P?\d{2,3}))?(?P<unit>KT|MPS|KMH)"
    r"(?:\s+(?P<low>\d{3})V(?P<high>\d{3}))?(?:\s|=|$)"
)
UNITS = {"KT": KNOT_MPS, "MPS": 1.0, "KMH": 1.0 / 3.6}
LONGEST = 2000


@dataclass(frozen=True, slots=True)
class SurfaceWind:
    """At 10 m above ground, mean over ten minutes. ``from_rad`` None: variable. Angles clockwise from true north."""

    from_rad: float | None
    speed_mps: float
    gust_mps: float | None
    spread_rad: float  # between the limits of a direction that varies; 0: not told


def surface_wind(text: str) -> SurfaceWind:
    """The first wind group of a report. Raises ``DecodeError`` where there is none that can be."""
    found = WIND.search(text.upper()) if len(text) <= LONGEST else None
    if found is None:
        raise DecodeError("no wind group (as 32012KT, VRB03KT, 24015G28KT) in the report")
    unit = UNITS[found["unit"]]
    speed, gust = (None if s is None else int(s.removeprefix("P")) * unit for s in (found["speed"], found["gust"]))
    direction = None if found["from"] == "VRB" else int(found["from"])
    if direction is not None and direction > 360:
        raise DecodeError(f"a wind from {direction}°")
    spread = 0 if found["low"] is None else (int(found["high"]) - int(found["low"])) % 360
    return SurfaceWind(None if direction is None else math.radians(direction), speed or 0.0, gust, math.radians(spread))
