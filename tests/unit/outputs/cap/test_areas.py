"""Areas hold what they stand for, in CAP's order, units and form."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.capped import HARBOUR, RAD, ZONES, message, texts

from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.model.occurrence import Subject
from lowsky.model.zone import Zone
from lowsky.outputs.cap.areas import MOST_CORNERS, MOST_PIECES, area_of, circle, regions_of
from lowsky.outputs.cap.outline import outline, signed_area


def ring_of(polygon):
    """Corners as longitude, latitude; the closing one is checked and left out."""
    corners = [tuple(map(float, pair.split(","))) for pair in polygon.split(" ")]
    assert corners[0] == corners[-1] and len(corners) >= 4
    return np.array(corners[:-1])[:, ::-1]


def holds(ring, point, slack=0.0):
    """Is a point in a simple ring, or within ``slack`` of its edges? By counting crossings to the east."""
    x, y = point
    nxt = np.roll(ring, -1, axis=0)
    crosses = (ring[:, 1] > y) != (nxt[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = ring[:, 0] + (y - ring[:, 1]) / (nxt[:, 1] - ring[:, 1]) * (nxt[:, 0] - ring[:, 0])
    if int((crosses & (at > x)).sum()) % 2:
        return True
    along = nxt - ring
    share = np.clip(((np.array(point) - ring) * along).sum(1) / np.maximum((along**2).sum(1), 1e-300), 0.0, 1.0)
    return bool((np.hypot(*(np.array(point) - ring - share[:, None] * along).T) <= slack).any())


def test_a_polygon_is_latitude_first_closed_and_counter_clockwise_whichever_way_it_was_drawn():
    field = ZONES[2]
    for corners in (field.corners, field.corners[::-1]):
        (polygon,) = area_of(Zone(id="x", shape="polygon", corners=corners)).polygons
        assert polygon.startswith("52.")
        assert signed_area(ring_of(polygon)) > 0.0
        assert set(polygon.split()) == {
            "52.000000,13.000000",
            "52.020000,13.000000",
            "52.000000,13.030000",
        }


def test_a_circle_is_in_kilometres_and_never_smaller_than_its_zone():
    assert area_of(ZONES[0]).circles == ("52.000000,13.000000 0.500",)
    assert circle(0.0, math.pi, 0.0) == "0.000000,-180.000000 0.001"
    assert circle(-1e-9, 0.0, 1e9).endswith("500.000")


def test_the_message_holds_the_threatened_zone_and_the_objects_region():
    body = message()
    assert texts(body, "c:info/c:area/c:areaDesc") == ["tower", "Where it is (95 %)"]
    assert texts(body, "c:info/c:area/c:circle") == ["52.000000,13.000000 0.500", "52.005000,13.010000 0.031"]


def test_what_has_no_place_or_no_error_has_no_region():
    nowhere = [
        Subject(track_id=1), Subject(track_id=1, latitude_rad=0.1, longitude_rad=0.1),
        Subject(track_id=1, latitude_rad=math.nan, longitude_rad=0.1, radius_95_m=1.0),
        Subject(track_id=1, latitude_rad=4.0, longitude_rad=0.1, radius_95_m=1.0),
    ]  # fmt: skip
    assert regions_of(nowhere) == ()


@pytest.mark.parametrize("n", [2, 5, 400])
def test_a_corridor_holds_all_within_its_reach_in_few_pieces(n, rng):
    steps = np.cumsum(rng.normal(0.0, 1.0, (n, 2)), axis=0) * 2e-3 * RAD
    line = steps + HARBOUR
    zone = Zone(id="x", shape="corridor", corners=tuple(map(tuple, line.tolist())), reach_m=150.0)
    rings = [ring_of(polygon) for polygon in area_of(zone).polygons]
    assert len(rings) <= MOST_PIECES and all(signed_area(ring) > 0.0 for ring in rings)
    for k in rng.integers(0, n - 1, 200):
        middle = line[k] + rng.uniform() * (line[k + 1] - line[k])
        angle = rng.uniform(0.0, 2.0 * math.pi)
        north, east = 149.0 / EARTH_MEAN_RADIUS_M * np.array([math.cos(angle), math.sin(angle)])
        point = np.degrees([middle[1] + east / math.cos(middle[0]), middle[0] + north])
        assert any(holds(ring, point) for ring in rings)


def star(rng, n):
    """A simple polygon with many dents."""
    angles = np.sort(rng.uniform(0.0, 2.0 * math.pi, n))
    radius = rng.uniform(200.0, 1000.0, n)
    return np.column_stack((radius * np.cos(angles), radius * np.sin(angles)))


def crosses_itself(ring):
    n, nxt = len(ring), np.roll(ring, -1, axis=0)
    for i in range(n):
        for j in range(i + 2, n - (i == 0)):
            a, b, c, d = ring[i], nxt[i], ring[j], nxt[j]
            side = [np.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))
                    for p, q, r in ((a, b, c), (a, b, d), (c, d, a), (c, d, b))]  # fmt: skip
            if side[0] * side[1] < 0 and side[2] * side[3] < 0:
                return True
    return False


@pytest.mark.parametrize(("n", "most"), [(150, 100), (150, 40), (60, 8), (60, 4), (30, 3), (3000, 100)])
def test_an_outline_has_few_corners_and_holds_every_corner_of_what_it_stands_for(n, most, rng):
    ring = star(rng, n)
    out = outline(ring[:: rng.choice([-1, 1])], most)
    assert 3 <= len(out) <= max(most, 4)
    assert signed_area(out) >= signed_area(ring) > 0.0
    assert not crosses_itself(out)
    assert all(holds(out, point, slack=1e-6) for point in ring)


def test_an_outline_with_few_corners_stays_as_it_is(rng):
    ring = star(rng, 50)
    assert np.array_equal(outline(ring, MOST_CORNERS), ring)


@given(
    st.integers(1, 80),
    st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=40, unique=True),
)
def test_an_outline_of_any_corners_ends(most, corners):
    """Also of what crosses itself, which the site file refuses."""
    outline(np.array(corners, np.float64), max(3, most))


def test_a_zone_across_the_180th_meridian_is_one_polygon_on_either_side():
    corners = ((0.0, 179.9), (0.0, -179.8), (0.2, -179.8), (0.2, 179.9))
    zone = Zone(id="x", shape="polygon", corners=tuple((a * RAD, b * RAD) for a, b in corners))
    west, east = sorted((ring_of(p) for p in area_of(zone).polygons), key=lambda ring: ring[0, 0])
    assert (west[:, 0].min(), west[:, 0].max()) == (-180.0, -179.8)
    assert (east[:, 0].min(), east[:, 0].max()) == (179.9, 180.0)
    assert signed_area(west) + signed_area(east) == pytest.approx(0.3 * 0.2)


def test_a_zone_of_centimetres_is_still_a_polygon_around_it():
    tiny = 1e-9
    corners = (HARBOUR, (HARBOUR[0], HARBOUR[1] + tiny), (HARBOUR[0] + tiny, HARBOUR[1]))
    (polygon,) = area_of(Zone(id="x", shape="polygon", corners=corners)).polygons
    assert holds(ring_of(polygon), (13.0, 52.0))
