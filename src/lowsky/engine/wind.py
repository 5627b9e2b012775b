"""The site file's [wind] table → where the air goes at heights above the site's origin."""

import math
from itertools import pairwise
from typing import Any

import numpy as np

from lowsky.engine.keys import Key, Lines, number, read_table
from lowsky.errors import DecodeError, Fault
from lowsky.model.site import Wind
from lowsky.wire.metar import SurfaceWind, surface_wind

STATED_SIGMA_MPS = 2.0
"""1σ by axis of a wind that the site file states, where it does not say: an hour old, some way away (assumed)."""
REPORT_UP_M = 10.0
"""Height above ground of a weather report's wind (WMO-No. 8)."""
REPORT_SIGMA_MPS = 1.5
"""… and its 1σ by axis there (assumed)."""
SHEAR = 1.0 / 7.0
"""Exponent of the wind's growth with height over open country, up to ``SHEAR_TO_M`` (rule of thumb)."""
SHEAR_TO_M = 500.0
SIGMA_OF_GROWTH, SIGMA_PER_M = 0.6, 0.002
"""1σ by axis grows with what was added for height, and with height: at 3 km a report of the ground says little."""
HEIGHTS_M = (0.0, REPORT_UP_M, 30.0, 60.0, 120.0, 250.0, SHEAR_TO_M, 1000.0, 3000.0, 10_000.0)
MOST_HEIGHTS = 100


def of_report(text: str) -> Wind:
    """What a METAR's wind at the ground lets expect above. Raises ``DecodeError``."""
    told: SurfaceWind = surface_wind(text)
    up = np.array(HEIGHTS_M)
    times = (np.clip(up, REPORT_UP_M, SHEAR_TO_M) / REPORT_UP_M) ** SHEAR
    sigma = np.full(len(up), REPORT_SIGMA_MPS)
    if told.gust_mps is not None:
        sigma += 0.25 * max(told.gust_mps - told.speed_mps, 0.0)
    sigma += told.speed_mps * (0.25 * told.spread_rad + SIGMA_OF_GROWTH * (times - 1.0)) + SIGMA_PER_M * up
    if told.from_rad is None:
        return _wind(up, 0.0 * up, 0.0 * up, sigma + told.speed_mps * times)
    return _wind(up, told.from_rad + 0.0 * up, told.speed_mps * times, sigma)


def _wind(up: Any, from_rad: Any, speed: Any, sigma: Any) -> Wind:
    """Where it comes from → where the air goes."""
    return Wind(
        up_m=tuple(map(float, up)), east_mps=tuple(map(float, -np.sin(from_rad) * speed)),
        north_mps=tuple(map(float, -np.cos(from_rad) * speed)), sigma_mps=tuple(map(float, sigma)),
    )  # fmt: skip


def _numbers(low: float, high: float, scale: float = 1.0) -> Any:
    """A number, or a list of them."""
    one = number(low, high, scale)

    def read(value: Any) -> tuple[float, ...]:
        if not isinstance(value, list):
            return (one(value),)
        if not 1 <= len(value) <= MOST_HEIGHTS:
            raise ValueError(f"1 to {MOST_HEIGHTS} numbers")
        return tuple(one(v) for v in value)

    return read


def _report(value: Any) -> Wind:
    try:
        return of_report(value if isinstance(value, str) else "")
    except DecodeError as error:
        raise ValueError(f"a METAR with a wind: {error.reason}") from None


KEYS = (
    Key("metar", "metar", _report),
    Key("from_deg", "from_rad", _numbers(0.0, 360.0, math.pi / 180.0)),
    Key("speed_mps", "speed_mps", _numbers(0.0, 120.0)),
    Key("up_m", "up_m", _numbers(-1000.0, 50_000.0)),
    Key("sigma_mps", "sigma_mps", number(0.1, 60.0)),
)


def read_wind(raw: Any, lines: Lines, faults: list[Fault]) -> Wind | None:
    """[wind]: ``metar``; or ``from_deg`` and ``speed_mps``, at one height or at each of ``up_m``."""

    def at(key: str | None) -> str:
        return lines.where("wind", 0, key)

    if raw is None:
        return None
    known = len(faults)
    values = read_table(raw, KEYS, at, faults)
    if len(faults) > known:
        return None
    metar, sigma = values.pop("metar", None), values.pop("sigma_mps", STATED_SIGMA_MPS)
    if metar is not None:
        if values:
            faults.append(Fault(at("metar"), "a METAR and a wind beside it", "one of them"))
        return Wind(**{name: getattr(metar, name) for name in Wind.__struct_fields__})
    if "from_rad" not in values or "speed_mps" not in values:
        faults.append(Fault(at(None), "no wind", 'metar = "…", or from_deg = … and speed_mps = …'))
        return None
    up = values.get("up_m", (0.0,))
    if not len(up) == len(values["from_rad"]) == len(values["speed_mps"]):
        faults.append(Fault(at("up_m"), f"{len(up)} heights", "as many of from_deg, speed_mps and up_m"))
        return None
    if any(b <= a for a, b in pairwise(up)):
        faults.append(Fault(at("up_m"), "heights that do not rise", "from the lowest to the highest"))
        return None
    return _wind(up, np.array(values["from_rad"]), np.array(values["speed_mps"]), [sigma] * len(up))
