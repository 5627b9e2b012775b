"""What an array hears comes late, and from where its source was."""

import math

import numpy as np
import polars as pl
import pytest

from lowsky.engine.config import parse_site
from lowsky.model.measurement import MeasurementKind
from lowsky.simulate import parse_scenario, simulate
from lowsky.simulate.scenario import Air, Sound, Wind
from lowsky.simulate.sound import absorption_db_per_m, heard_from, noise_db, received_db, still_air_mps
from lowsky.simulate.truth import make_truth

HEAD = """
name = "test"
description = "One object and what it sounds like"
duration_s = 60.0
[site]
name = "Here"
latitude_deg = 37.45
longitude_deg = 126.6
height_m = 30.0
[[target]]
name = "drone"
class = "fixed-wing-drone"
start = { kind = "box", east_m = -1500.0, north_m = 3000.0, up_m = 200.0, speed_mps = 50.0, course_deg = 90.0 }
motion = { kind = "white-acceleration", q_m2ps3 = 0.0 }
"""
ARRAY = """
[[sensor]]
id = "array-1"
kind = "acoustic"
position_m = [0.0, 0.0, 2.0]
look_period_s = 0.5
detection_probability = 0.999
max_range_m = 9000.0
sigma_azimuth_deg = 0.001
sigma_elevation_deg = 0.001
"""
PLACE = np.array([0.0, 0.0, 2.0])


def test_sound_is_faster_in_warm_air():
    assert still_air_mps(Air(temperature_c=0.0)) == pytest.approx(331.3)
    assert still_air_mps(Air(temperature_c=20.0)) == pytest.approx(343.2, abs=0.1)


@pytest.mark.parametrize("wind", [Wind(), Wind(east_mps=-6.0, north_mps=11.0)])
def test_the_delay_solves_its_equation_and_agrees_with_the_formula_for_straight_flight(wind):
    truth = make_truth(parse_scenario(HEAD + ARRAY), 0, 60.0)
    times = np.arange(20.0, 60.0)
    pos, vel, heard, delay = heard_from(truth, times, PLACE, Air(), wind)
    assert heard.all()
    way = pos - PLACE
    length = np.linalg.norm(way, axis=-1)
    speed = still_air_mps(Air()) - way @ np.array([wind.east_mps, wind.north_mps, 0.0]) / length
    np.testing.assert_allclose(length, speed * delay, rtol=1e-5)
    # science.md 1.4, with the object's place at the time of arrival
    d, v = truth.at(times)[0] - PLACE, truth.at(times)[1]
    dv, rest = np.sum(d * v, axis=-1), speed**2 - np.sum(v * v, axis=-1)
    formula = (-dv + np.sqrt(dv**2 + rest * np.sum(d * d, axis=-1))) / rest
    np.testing.assert_allclose(delay, formula, rtol=1e-4)
    assert np.array_equal(vel, v)


def test_a_fast_object_is_heard_8_seconds_and_440_metres_behind():
    """science.md 1.4: at 50 m/s and 3 km 8.8 s and 441 m, and never more than asin(v/c) = 8.5° off."""
    truth = make_truth(parse_scenario(HEAD + ARRAY), 0, 60.0)
    times = np.array([30.0])  # abeam
    pos, _, _, delay = heard_from(truth, times, PLACE, Air(), Wind())
    now = truth.at(times)[0]
    assert delay[0, 0] == pytest.approx(8.9, abs=0.1)
    assert np.linalg.norm(now - pos) == pytest.approx(446.0, abs=5.0)
    off = math.degrees(math.atan2(np.linalg.norm(now - pos), 3000.0))
    assert off == pytest.approx(8.5, abs=0.15)


def test_nothing_is_heard_before_the_first_sound_arrives_and_something_after_the_source_is_gone():
    text = HEAD.replace('class = "fixed', 'appear_s = 5.0\nstay_s = 10.0\nclass = "fixed') + ARRAY
    made = simulate(parse_scenario(text))
    start = made.truth["time"].min()
    heard = made.measurements.drop_nulls("azimuth_deg")["time"]
    after_s = ((heard - start).dt.total_nanoseconds() / 1e9).to_numpy() + 5.0
    assert after_s.min() == pytest.approx(5.0 + 3360.0 / 340.3, abs=0.5)
    assert after_s.max() > 15.0 + 8.0


def test_a_bearing_points_to_where_the_source_was():
    made = simulate(parse_scenario(HEAD + ARRAY))
    start = made.truth["time"].min()
    rows = made.measurements.drop_nulls("azimuth_deg")
    at = rows.filter((pl.col("time") - start).dt.total_nanoseconds() == 30_000_000_000)
    # abeam to the north it seems to be 8.4° back, west of north
    assert at["azimuth_deg"][0] == pytest.approx(360.0 - math.degrees(math.asin(50.0 / 340.3)), abs=0.1)
    assert "range_m" not in made.measurements.columns


def test_the_tracker_reads_the_arrays_site_file():
    site = parse_site(simulate(parse_scenario(HEAD + ARRAY)).site_toml)
    assert site.sensors[0].measures is MeasurementKind.BEARING


# science.md 5.2: dB/km at 125, 250, 500, 1k, 2k, 4k Hz
@pytest.mark.parametrize(
    ("air", "table"),
    [
        (Air(temperature_c=20.0, humidity_percent=70.0), (0.33, 1.12, 2.79, 4.98, 9.04, 23.1)),
        (Air(temperature_c=0.0, humidity_percent=70.0), (0.39, 0.76, 1.60, 4.64, 16.2, 56.0)),
    ],
)
def test_absorption_is_the_standards(air, table):
    at = 1e3 * absorption_db_per_m(air, np.array([125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0]))
    np.testing.assert_allclose(at, table, rtol=0.02)


# science.md 5.2: range in plain sight, of source level, tone and noise
@pytest.mark.parametrize(
    ("level_db", "tone_hz", "noise", "range_m"),
    [
        (74.0, 500.0, 30.0, 400.0), (74.0, 500.0, 42.0, 110.0), (86.0, 400.0, 30.0, 1_300.0),
        (92.0, 250.0, 42.0, 800.0), (105.0, 150.0, 30.0, 9_200.0), (115.0, 120.0, 52.0, 3_500.0),
    ],
)  # fmt: skip
def test_free_field_ranges_are_the_tables(level_db, tone_hz, noise, range_m):
    sound = Sound(noise_db=noise, ground_db=0.0, excess_db=0.0)
    over = received_db(sound, Air(), np.array(level_db), np.array(tone_hz), np.array(range_m)) + 15.0 - noise - 6.0
    assert over == pytest.approx(0.0, abs=1.2)  # the table has two digits: 5 % of range is half a decibel and more


def test_wind_is_heard_itself():
    assert noise_db(Sound(noise_db=40.0), 1.0) == 40.0
    assert noise_db(Sound(noise_db=40.0), 20.0) == pytest.approx(95.0)


def test_a_loud_object_is_heard_far_and_well_and_a_silent_one_not_at_all():
    loud = HEAD.replace('class = "fixed', 'sound_db = 115.0\ntone_hz = 120.0\nclass = "fixed')
    array = ARRAY.replace("sigma_azimuth_deg = 0.001", "sigma_azimuth_deg = 3.0")
    made = simulate(parse_scenario(loud + array + "reports_rcs = true\nsound = { noise_db = 35.0 }\n"))
    rows = made.measurements.drop_nulls("azimuth_deg")
    assert len(rows) > 80
    assert rows["snr_db"].min() >= 6.0
    assert "azimuth_deg" not in simulate(parse_scenario(HEAD + array + "sound = { noise_db = 35.0 }\n")).measurements
