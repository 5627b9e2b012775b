"""Frames of reference: published points, and round trips."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowsky.constants import WGS84_A_M, WGS84_B_M
from lowsky.geo.enu import EnuFrame
from lowsky.geo.polar import polar_from_enu, wrap_pi
from lowsky.geo.wgs84 import ecef_from_geodetic, geodetic_from_ecef

latitudes = st.floats(-math.pi / 2, math.pi / 2)
longitudes = st.floats(-math.pi, math.pi)
heights = st.floats(-10_000.0, 1_000_000.0)


def test_the_equator_and_the_poles_lie_where_the_ellipsoid_has_its_axes():
    found = ecef_from_geodetic(np.array([0.0, math.pi / 2, -math.pi / 2]), np.zeros(3), np.zeros(3))
    np.testing.assert_allclose(found, [[WGS84_A_M, 0, 0], [0, 0, WGS84_B_M], [0, 0, -WGS84_B_M]], atol=1e-8)


@given(latitudes, longitudes, heights)
def test_geodetic_to_ecef_and_back_agree_to_ten_nanometres(lat, lon, h):
    ecef = ecef_from_geodetic(np.float64(lat), np.float64(lon), np.float64(h))
    back = geodetic_from_ecef(ecef)
    again = ecef_from_geodetic(back[0], back[1], back[2])
    assert np.abs(again - ecef).max() < 1e-8
    assert abs(back[2] - h) < 1e-8


def test_the_normal_of_the_ellipsoid_is_up():
    """Another road: one metre up is the direction in which the ellipsoid's own gradient points."""
    lat, lon = 0.9, -1.3
    foot = ecef_from_geodetic(np.float64(lat), np.float64(lon), np.float64(0.0))
    gradient = foot / np.array([WGS84_A_M**2, WGS84_A_M**2, WGS84_B_M**2])
    up = ecef_from_geodetic(np.float64(lat), np.float64(lon), np.float64(1.0)) - foot
    np.testing.assert_allclose(up, gradient / np.linalg.norm(gradient), atol=1e-8)


@given(latitudes.filter(lambda v: abs(v) < 1.5), longitudes, st.floats(0, 2 * math.pi), st.floats(1.0, 300_000.0))
def test_enu_and_geodetic_agree_both_ways(lat, lon, course, distance):
    frame = EnuFrame.at(lat, lon, 30.0)
    pos = np.array([distance * math.sin(course), distance * math.cos(course), 500.0])
    geodetic = frame.geodetic(pos)
    np.testing.assert_allclose(frame.pos_enu(*geodetic), pos, atol=1e-6)


def test_north_is_towards_larger_latitude_and_east_towards_larger_longitude():
    frame = EnuFrame.at(0.6, 2.2, 0.0)
    north = frame.pos_enu(np.float64(0.6 + 1e-6), np.float64(2.2), np.float64(0.0))
    east = frame.pos_enu(np.float64(0.6), np.float64(2.2 + 1e-6), np.float64(0.0))
    assert north[1] > 6.0 and abs(north[0]) < 1e-3
    assert east[0] > 5.0 and abs(east[1]) < 1e-3


def test_the_earth_curves_away_by_the_square_of_the_distance():
    """A point at sea level 50 km away lies d²/2R below the tangent plane: some 196 m."""
    frame = EnuFrame.at(0.6, 2.2, 0.0)
    far = frame.geodetic(np.array([50_000.0, 0.0, 0.0]))
    assert far[2] == pytest.approx(50_000.0**2 / (2 * 6_385_000.0), rel=0.01)


def test_local_axes_turn_with_the_place():
    frame = EnuFrame.at(0.8, 0.1, 0.0)
    turn = frame.local_from_enu(np.array([0.8, 0.82]), np.array([0.1, 0.13]))
    np.testing.assert_allclose(turn[0], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(turn[1] @ turn[1].T, np.eye(3), atol=1e-12)
    assert abs(turn[1][2] @ [0, 0, 1] - 1) > 1e-4


@given(st.floats(1.0, 1e5), st.floats(0.0, 2 * math.pi - 1e-9), st.floats(-1.4, 1.4))
def test_polar_and_enu_agree_both_ways(r, az, el):
    pos = np.array([r * math.cos(el) * math.sin(az), r * math.cos(el) * math.cos(az), r * math.sin(el)])
    found = polar_from_enu(pos)
    assert found[0] == pytest.approx(r, rel=1e-12)
    assert abs(float(wrap_pi(np.float64(found[1] - az)))) < 1e-9
    assert found[2] == pytest.approx(el, abs=1e-9)


def test_an_azimuth_a_hair_west_of_north_is_not_the_whole_turn():
    assert polar_from_enu(np.array([-1e-20, 1.0, 0.0]))[1] == 0.0


@given(st.floats(-1e4, 1e4))
def test_wrapped_angles_lie_within_half_a_turn(angle):
    wrapped = float(wrap_pi(np.float64(angle)))
    assert -math.pi <= wrapped <= math.pi
    assert math.cos(wrapped - angle) == pytest.approx(1.0, abs=1e-6)
