"""CPR against published examples and against an encoder."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowsky.wire.adsb.compose import cpr_half
from lowsky.wire.adsb.cpr import distance_m, from_one, from_pair, zones

UNIT = 2.0**-17
latitudes = st.floats(-86.5, 86.5)
longitudes = st.floats(-180.0, 179.999)


def half(lat, lon, odd, span):
    y, x = cpr_half(lat, lon, odd, span)
    return y * UNIT, x * UNIT


def test_the_worked_airborne_example():
    """The 1090 Megahertz Riddle, "Airborne position": 8D40621D58C382D690C8AC2863A7 and its odd half."""
    ok, lat, lon, _ = from_pair((93000 * UNIT, 51372 * UNIT), (74158 * UNIT, 50194 * UNIT), False, 360.0, (0.0, 0.0))
    assert ok
    assert (lat, lon) == (pytest.approx(52.2572021484375, abs=1e-12), pytest.approx(3.91937255859375, abs=1e-12))


def test_the_worked_surface_example():
    """The same, "Surface position": 8C4841753AAB238733C8CD4020B1 and 8C4841753A8A35323FAEBDAC702D."""
    ok, lat, lon, _ = from_pair(
        (115609 * UNIT, 116941 * UNIT), (39199 * UNIT, 110269 * UNIT), True, 90.0, (51.99, 4.375)
    )
    assert ok
    assert (lat, lon) == (pytest.approx(52.320607072215964), pytest.approx(4.734734671456474))
    ok, lat, lon = from_one((39195 * UNIT, 110320 * UNIT), True, 90.0, (lat, lon))
    assert (lat, lon) == (pytest.approx(52.32056051997815), pytest.approx(4.735735212053571))


@given(latitudes, longitudes, st.booleans(), st.sampled_from((360.0, 90.0)))
def test_a_pair_gives_back_where_it_was_made(lat, lon, newest_odd, span):
    near = (max(-90.0, min(90.0, lat + 3.0)), lon - 10.0)
    ok, got_lat, got_lon, gap_m = from_pair(half(lat, lon, 0, span), half(lat, lon, 1, span), newest_odd, span, near)
    if ok:  # at the edge of two zones the halves may disagree about the zone, and say so
        assert distance_m(lat, lon, got_lat, got_lon) < (10.0 if span == 360.0 else 2.5)
        assert gap_m < 15.0
    else:
        assert min(abs(zones(lat + d) - zones(lat)) for d in (-1e-4, 1e-4)) == 0
        assert zones(lat + 1e-4) != zones(lat - 1e-4)


@given(latitudes, longitudes, st.booleans(), st.floats(0, 2 * math.pi), st.floats(0.0, 0.98))
def test_one_half_and_a_place_within_half_a_zone_suffice(lat, lon, odd, towards, share):
    for span, reach_m in ((360.0, 300_000.0), (90.0, 75_000.0)):
        near = (
            lat + share * reach_m / 111_195 * math.cos(towards) * 0.7,
            lon + share * reach_m / 111_195 * math.sin(towards) * 0.7 / math.cos(math.radians(min(86.5, abs(lat) + 3))),
        )
        if abs(near[0]) > 86.9:
            continue
        ok, got_lat, got_lon = from_one(half(lat, lon, int(odd), span), odd, span, near)
        assert ok
        assert distance_m(lat, lon, got_lat, got_lon) < 10.0


@given(st.tuples(st.floats(-80, 80), longitudes), st.floats(300.0, 2_500.0), st.floats(0, 2 * math.pi))
def test_halves_of_different_places_contradict_each_other_by_their_distance(place, apart_m, towards):
    lat, lon = place
    other_lat = lat + apart_m * math.cos(towards) / 111_195
    other_lon = lon + apart_m * math.sin(towards) / 111_195 / math.cos(math.radians(lat))
    ok, _, _, gap_m = from_pair(half(lat, lon, 0, 360.0), half(other_lat, other_lon, 1, 360.0), False, 360.0, (0, 0))
    if ok:
        assert gap_m == pytest.approx(max(abs(apart_m * math.cos(towards)), abs(apart_m * math.sin(towards))), abs=25)


def test_zones_change_where_they_should():
    """First and last transition latitudes, ICAO's NL definition solved for them."""
    for nl in range(2, 60):
        edge = math.degrees(
            math.acos(math.sqrt((1 - math.cos(math.pi / 30)) / (1 - math.cos(2 * math.pi / nl))))
            if nl > 2
            else math.radians(87.0)
        )
        assert zones(edge - 1e-6) == nl
        assert zones(-(edge + 1e-6)) == nl - 1
    assert zones(0.0) == 59
    assert zones(90.0) == 1
