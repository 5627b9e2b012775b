"""What direction finders, cameras and receivers make of what arrives."""

import numpy as np
import polars as pl
import pytest

from lowsky.geo.polar import wrap_pi
from lowsky.simulate import parse_scenario, simulate
from lowsky.simulate.optics import contrast, pixels, share_seen
from lowsky.simulate.radio import margin_db
from lowsky.simulate.scenario import Optics, Radio

HEAD = """
name = "test"
description = "One object for each question"
duration_s = 600.0
[site]
name = "Here"
latitude_deg = 50.0
longitude_deg = 10.0
height_m = 100.0
[[target]]
name = "object"
class = "multirotor"
identity_prefix = "SIMULATED-"
radio_share = 0.5
start = { kind = "box", east_m = 0.0, north_m = 1000.0, up_m = 80.0 }
motion = { kind = "white-acceleration", q_m2ps3 = 0.0 }
"""
SENSOR = """
[[sensor]]
id = "s"
kind = "KIND"
position_m = [0.0, 0.0, 10.0]
look_period_s = 0.5
detection_probability = 0.9
max_range_m = 6000.0
sigma_azimuth_deg = 2.0
"""
FINDER = SENSOR.replace("KIND", "direction-finder")
CAMERA = SENSOR.replace("KIND", "camera").replace("2.0", "0.05") + "sigma_elevation_deg = 0.05\n"
REMOTE_ID = SENSOR.replace("KIND", "cooperative").replace(
    "sigma_azimuth_deg = 2.0", "sigma_position_m = 5.0\nsigma_height_m = 10.0\nsigma_velocity_mps = 0.5"
)


def run(text, seed=0):
    return simulate(parse_scenario(text), seed)


def test_a_link_is_heard_at_its_range_and_farther_with_more_power():
    radio = Radio(hears_m=3000.0, exponent=2.0)
    assert margin_db(radio, np.array(0.1), np.array(3000.0)) == pytest.approx(0.0)
    assert margin_db(radio, np.array(10.0), np.array(30000.0)) == pytest.approx(0.0)


def test_a_finder_hears_as_often_as_the_object_sends_and_nothing_of_what_does_not():
    text = FINDER + "radio = { hears_m = 9000.0, shadow_db = 1.0 }\n"
    n = run(HEAD + text).measurements.drop_nulls("azimuth_deg").height
    assert abs(n - 600) < 5.0 * np.sqrt(1200 * 0.25)
    silent = HEAD.replace("radio_share = 0.5", "radio_w = 0.0")
    assert "azimuth_deg" not in run(silent + text).measurements.columns


def test_a_facade_is_heard_for_its_share_and_keeps_its_azimuth_for_a_while():
    text = FINDER.replace("sigma_azimuth_deg = 2.0", "sigma_azimuth_deg = 0.1").replace("0.5\ndet", "0.1\ndet")
    text += "radio = { hears_m = 9000.0, shadow_db = 0.1, reflected_share = 0.3, reflected_deg = 25.0 }\n"
    rows = run(HEAD.replace("radio_share = 0.5", "radio_share = 1.0").replace("600.0", "3000.0") + text).measurements
    off = np.degrees(wrap_pi(np.radians(rows["azimuth_deg"].drop_nulls().to_numpy())))
    elsewhere = np.abs(off) > 1.0
    assert elsewhere.mean() == pytest.approx(0.3, abs=0.08)
    assert 8.0 < np.abs(off[elsewhere]).mean() < 60.0
    # within a spell the azimuth stays: neighbouring bearings differ by noise alone but where one begins or ends
    assert np.mean(np.abs(np.diff(off)) > 1.0) < 0.02


def test_pixels_and_contrast_are_the_notes():
    # science.md 5.4: 0.35 m at 1 km
    for field_deg, width_px, wanted in ((60.0, 3840, 1.3), (10.0, 1920, 3.9), (2.0, 1920, 19.0)):
        at = pixels(Optics(field_deg=field_deg, width_px=width_px), np.array(0.35), np.array(1000.0))
        assert at == pytest.approx(wanted, rel=0.03)
    assert contrast(Optics(visibility_m=10_000.0), np.array(1.0), np.array(10_000.0)) == pytest.approx(0.02, abs=0.001)
    assert share_seen(np.array([3.0, 30.0, 0.3]), 3.0) == pytest.approx([0.5, 1.0, 0.0], abs=1e-3)


def test_a_camera_on_a_mount_looks_at_one_of_two_objects_at_a_time():
    other = HEAD[HEAD.index("[[target]]") :].replace('"object"', '"other"').replace("east_m = 0.0", "east_m = 1000.0")
    rows = run(HEAD + other + CAMERA + "optics = { field_deg = 2.0, slew_dps = 90.0 }\n").measurements
    seen = rows.drop_nulls("azimuth_deg")
    assert seen.group_by("look").len()["len"].max() == 1
    by_side = seen.select((pl.col("azimuth_deg") > 20.0) & (pl.col("azimuth_deg") < 90.0)).to_series()
    assert 0.3 < by_side.mean() < 0.7


def test_reports_fade_with_range_and_their_clocks_and_heights_are_wrong_for_good():
    text = (
        HEAD
        + REMOTE_ID
        + "reports = { hears_m = 1000.0, clock_sigma_s = 0.5, wrong_datum_share = 1.0, datum_m = 40.0 }\n"
    )
    made = run(text)
    rows = made.measurements.drop_nulls("latitude_deg")
    assert len(rows) == pytest.approx(0.45 * 1200, rel=0.2)
    assert rows["height_m"].mean() - made.truth["height_m"].mean() == pytest.approx(40.0, abs=3.0)
    after_ms = rows["time"].dt.epoch("ms") % 500
    assert after_ms.n_unique() == 1
    assert after_ms[0] != 0


def test_a_phantom_is_reported_and_not_there():
    radar = SENSOR.replace("KIND", "radar").replace('id = "s"', 'id = "radar"') + "sigma_range_m = 5.0\n"
    made = run(HEAD.replace("radio_share = 0.5", "phantom = true") + REMOTE_ID + radar)
    assert made.measurements["latitude_deg"].count() > 100
    assert "range_m" not in made.measurements.columns
    assert len(made.truth) == 0
    assert (made.made_by == -1).all()


def test_a_sensor_that_is_off_says_nothing_at_all():
    made = run(HEAD + FINDER + "off_s = [[100.0, 200.0]]\n")
    after_s = (made.measurements["time"] - made.truth["time"].min()).dt.total_milliseconds() / 1e3
    assert not after_s.is_between(100.0, 200.0).any()
    assert made.measurements["look"].n_unique() == 1200 - 201
