"""The wind group of aviation weather reports."""

import math

import pytest

from lowsky.errors import DecodeError
from lowsky.wire.metar import surface_wind

KNOT = 1852.0 / 3600.0


@pytest.mark.parametrize(
    ("text", "direction", "speed", "gust", "spread"),
    [
        ("LFBO 010900Z 32012KT 9999", 320, 12 * KNOT, None, 0),
        ("METAR KJFK 011251Z 24015G28KT 10SM", 240, 15 * KNOT, 28 * KNOT, 0),
        ("UUEE 010900Z 18004MPS 120V240 CAVOK", 180, 4.0, None, 120),
        ("EGLL 010920Z VRB03KT 350V020", None, 3 * KNOT, None, 30),
        ("ZBAA 010900Z 00000MPS CAVOK", 0, 0.0, None, 0),
        ("ENGM 010900Z 200P99KT", 200, 99 * KNOT, None, 0),
        ("speci lfbo 010900z 05010kmh=", 50, 10 / 3.6, None, 0),
    ],
)
def test_a_wind_is_read(text, direction, speed, gust, spread):
    found = surface_wind(text)
    assert found.from_rad == (None if direction is None else pytest.approx(math.radians(direction)))
    assert found.speed_mps == pytest.approx(speed)
    assert found.gust_mps == (None if gust is None else pytest.approx(gust))
    assert found.spread_rad == pytest.approx(math.radians(spread))


@pytest.mark.parametrize("text", ["", "LFBO 010900Z /////KT 9999", "36512KT", "x" * 3000, "LFBO 3201KT"])
def test_what_has_no_wind_is_refused(text):
    with pytest.raises(DecodeError):
        surface_wind(text)
