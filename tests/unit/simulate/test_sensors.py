"""What sensors say agrees with the truth. Statistical bounds are five standard errors: two in a million by chance."""

import math

import numpy as np
import polars as pl
import pytest

from lowsky.geo.enu import EnuFrame
from lowsky.geo.polar import polar_from_enu, wrap_pi
from lowsky.simulate import parse_scenario, simulate
from lowsky.simulate.echo import mean_snr_db, swerling_1
from lowsky.simulate.sensors import look_times

HEAD = """
name = "test"
description = "One object for each question"
duration_s = 300.0
[site]
name = "Here"
latitude_deg = 37.45
longitude_deg = 126.6
height_m = 30.0
[[target]]
name = "drone"
class = "multirotor"
identity_prefix = "SIMULATED-"
start = { kind = "box", east_m = 2500.0, north_m = 1500.0, up_m = 400.0, speed_mps = 15.0, course_deg = 300.0 }
motion = { kind = "white-acceleration", q_m2ps3 = 0.1 }
"""
RADAR = """
[[sensor]]
id = "radar-1"
kind = "radar"
position_m = [4000.0, -2000.0, 60.0]
look_period_s = 0.1
detection_probability = 0.9
max_range_m = 9000.0
sigma_range_m = 10.0
sigma_azimuth_deg = 0.5
sigma_elevation_deg = 1.0
sigma_range_rate_mps = 0.5
"""
REMOTE_ID = """
[[sensor]]
id = "remote-id-1"
kind = "cooperative"
position_m = [0.0, 0.0, 5.0]
look_period_s = 0.1
detection_probability = 0.9
max_range_m = 20000.0
sigma_position_m = 10.0
sigma_height_m = 15.0
sigma_velocity_mps = 0.5
latency_s = [0.2, 1.5]
"""


def run(text, seed=0):
    return simulate(parse_scenario(text), seed)


def with_truth(simulation, sensor):
    """Measurements of one sensor beside the truth of their times, one target only."""
    rows = simulation.measurements.filter(pl.col("sensor") == sensor)
    return rows.join(simulation.truth.drop("target_id", "class"), on="time", suffix="_true", maintain_order="left")


def unbiased(error, sigma):
    """Mean and spread of independent normal errors are what they should be."""
    n = len(error)
    return abs(error.mean()) < 5.0 * sigma / math.sqrt(n) and abs(error.std() / sigma - 1.0) < 5.0 / math.sqrt(2.0 * n)


def test_radar_plots_are_unbiased_in_the_radars_own_level_frame():
    simulation = run(HEAD + RADAR)
    site = pl.Series([line for line in simulation.site_toml.splitlines() if "_deg =" in line or "height_m =" in line])
    latitude, longitude, height = (float(line.split("=")[1]) for line in site[3:6])
    rows = with_truth(simulation, "radar-1").drop_nulls("range_m")
    frame = EnuFrame.at(math.radians(latitude), math.radians(longitude), height)
    names = ("latitude_deg", "longitude_deg", "height_m")
    lat, lon, h = (rows[f"{name}_true" if f"{name}_true" in rows.columns else name].to_numpy() for name in names)
    pos = frame.pos_enu(np.radians(lat), np.radians(lon), h)
    range_m, azimuth, elevation = polar_from_enu(pos).T
    # velocity: by differences of the positions, so by another road than the simulation's
    rate = np.gradient(range_m, rows["time"].cast(pl.Int64).to_numpy() / 1e9)
    assert len(rows) > 2500
    assert unbiased(rows["range_m"].to_numpy() - range_m, 10.0)
    assert unbiased(wrap_pi(np.radians(rows["azimuth_deg"].to_numpy()) - azimuth), math.radians(0.5))
    assert unbiased(np.radians(rows["elevation_deg"].to_numpy()) - elevation, math.radians(1.0))
    assert abs((rows["range_rate_mps"].to_numpy() - rate).mean()) < 5.0 * 0.5 / math.sqrt(len(rows)) + 0.01


def test_cooperative_reports_are_unbiased_and_arrive_late():
    simulation = run(HEAD + REMOTE_ID)
    rows = with_truth(simulation, "remote-id-1").drop_nulls("latitude_deg")
    metres = 111_000.0  # close enough for a spread to one part in a hundred
    north = (rows["latitude_deg"] - rows["latitude_deg_true"]).to_numpy() * metres
    assert abs(north.mean()) < 5.0 * 10.0 / math.sqrt(len(rows))
    assert north.std() == pytest.approx(10.0, rel=0.08)
    assert unbiased((rows["height_m"] - rows["height_m_true"]).to_numpy(), 15.0)
    for name in ("east_mps", "north_mps", "up_mps"):
        assert unbiased((rows[name] - rows[f"{name}_true"]).to_numpy(), 0.5)
    late_s = (rows["received"] - rows["time"]).dt.total_nanoseconds().to_numpy() / 1e9
    assert late_s.min() >= 0.2
    assert late_s.max() <= 1.5
    assert simulation.measurements["received"].is_sorted()
    assert rows["identity"].unique().to_list() == ["SIMULATED-1"]


def test_detections_and_false_alarms_come_as_often_as_stated():
    text = HEAD + RADAR.replace("detection_probability = 0.9", "detection_probability = 0.6\nclutter_per_look = 3.0")
    rows = run(text).measurements
    looks, n = 3000, rows["range_m"].drop_nulls().len()
    wanted, spread = looks * 3.6, math.sqrt(looks * (0.6 * 0.4 + 3.0))
    assert abs(n - wanted) < 5.0 * spread


def test_every_look_has_its_rows_and_a_look_that_saw_nothing_has_one():
    text = HEAD + RADAR.replace("detection_probability = 0.9", "detection_probability = 0.3")
    rows = run(text).measurements
    assert rows["look"].unique().sort().to_list() == list(range(3000))
    empty = rows.filter(pl.col("range_m").is_null())
    assert empty["look"].n_unique() == len(empty)
    assert 1800 < len(empty) < 2400
    assert empty.select("azimuth_deg", "range_rate_mps").null_count().sum_horizontal().item() == 2 * len(empty)


def test_clutter_fills_sector_and_range_evenly():
    far = HEAD.replace("east_m = 2500.0", "east_m = 90000.0")
    clutter = "clutter_per_look = 5.0\nmax_range_m = 9000.0\nmin_range_m = 1000.0\nazimuth_deg = [350.0, 370.0]"
    text = far + RADAR.replace("max_range_m = 9000.0", clutter)
    rows = run(text).measurements.drop_nulls("range_m")
    azimuth = (rows["azimuth_deg"].to_numpy() + 180.0) % 360.0 - 180.0
    assert np.abs(azimuth).max() <= 10.0
    for values, low, high in ((azimuth, -10.0, 10.0), (rows["range_m"].to_numpy(), 1000.0, 9000.0)):
        counts, _ = np.histogram(values, bins=10, range=(low, high))
        assert np.abs(counts - len(values) / 10).max() < 5.0 * math.sqrt(len(values) * 0.09)
        assert counts.sum() == len(values)


def test_a_sensor_sees_only_its_sector_its_range_and_its_groups():
    for change in (
        "azimuth_deg = [0.0, 180.0]",  # the drone is to the north-west of the radar
        "min_range_m = 8000.0",
        "elevation_deg = [40.0, 80.0]",
    ):
        text = HEAD + RADAR.replace("max_range_m = 9000.0", "max_range_m = 9000.0\n" + change)
        assert "range_m" not in run(text).measurements.columns
    other = HEAD + HEAD[HEAD.index("[[target]]") :].replace('"drone"', '"other"')
    text = other + RADAR.replace("max_range_m = 9000.0", 'max_range_m = 9000.0\nonly = ["other"]')
    rows = run(text).measurements
    assert rows.group_by("look").len()["len"].max() == 1


def test_a_two_dimensional_radar_gives_no_elevation():
    text = HEAD + RADAR.replace("sigma_elevation_deg = 1.0", "")
    simulation = run(text)
    assert "elevation_deg" not in simulation.measurements.columns
    assert "sigma_elevation_deg" not in simulation.site_toml


def test_a_sensor_says_classes_as_often_as_its_table_has_them():
    text = HEAD + RADAR + "says = { multirotor = { drone = 0.6, bird = 0.1 } }\n"
    rows = run(text).measurements.drop_nulls("range_m")
    n = len(rows)
    for said, share in (("drone", 0.6), ("bird", 0.1), (None, 0.3)):
        count = rows["class"].is_null().sum() if said is None else (rows["class"] == said).sum()
        assert abs(count - share * n) < 5.0 * math.sqrt(n * share * (1.0 - share))


def test_the_radar_equation_detects_a_hundredth_of_a_square_metre_with_nine_tenths_at_its_range():
    sensor = parse_scenario(HEAD + RADAR + "r90_m = 3000.0\n").sensor[0]
    at = mean_snr_db(sensor, np.array([-20.0, -20.0, -8.0]), np.array([3000.0, 6000.0, 6000.0]))
    assert swerling_1(at)[0] == pytest.approx(0.9)
    # science.md, 5.1: Swerling 1 at a false-alarm probability of 1e-6 needs 21.1 dB for 0.9
    assert at[0] == pytest.approx(21.1, abs=0.05)
    assert at[0] - at[1] == pytest.approx(40.0 * math.log10(2.0))
    assert swerling_1(at)[1] < 0.3
    assert at[2] == pytest.approx(at[1] + 12.0)


def test_plots_carry_strength_only_where_the_sensor_reports_it():
    assert "snr_db" not in run(HEAD + RADAR).measurements.columns
    rows = run(HEAD + RADAR + "reports_rcs = true\n").measurements.drop_nulls("range_m")
    assert rows["snr_db"].null_count() == rows["rcs_dbsm"].null_count() == 0


def test_a_broken_link_is_silent_for_its_share_of_the_time():
    still = HEAD.replace("speed_mps = 15.0", "speed_mps = 0.0").replace("q_m2ps3 = 0.1", "q_m2ps3 = 0.0")
    text = still + REMOTE_ID.replace(
        "detection_probability = 0.9", "detection_probability = 0.999\nsilence_share = 0.4"
    )
    text = text.replace("duration_s = 300.0", "duration_s = 8000.0").replace(
        "look_period_s = 0.1", "look_period_s = 1.0"
    )
    heard = run(text).measurements["latitude_deg"].is_not_null()
    # heard or not decorrelates in 3 s (5 s · 0.6): 8000 / (2 · 3) independent looks
    assert abs(heard.mean() - 0.6 * 0.999) < 5.0 * math.sqrt(0.24 * 2.0 * 3.0 / 8000.0)


def test_a_link_that_breaks_for_less_than_a_look_is_still_silent_for_its_share():
    text = HEAD + REMOTE_ID.replace("look_period_s = 0.1", "look_period_s = 5.0\nsilence_share = 0.9")
    text = text.replace("duration_s = 300.0", "duration_s = 20000.0").replace("speed_mps = 15.0", "speed_mps = 0.0")
    heard = run(text.replace("q_m2ps3 = 0.1", "q_m2ps3 = 0.0")).measurements["latitude_deg"].is_not_null()
    # 4,000 looks that hardly depend on each other; detected 0.9 of the 0.1 in which the link is up
    assert abs(heard.mean() - 0.09) < 5.0 * math.sqrt(0.09 * 0.91 / 4000.0)


def test_looks_come_at_their_phase_and_the_first_a_period_on_where_there_is_none():
    sensor = parse_scenario(HEAD + RADAR.replace("look_period_s = 0.1", "look_period_s = 1.5")).sensor[0]
    np.testing.assert_allclose(look_times(sensor, 6.0), [1.5, 3.0, 4.5, 6.0])
    sensor = parse_scenario(
        HEAD + RADAR.replace("look_period_s = 0.1", "look_period_s = 2.0\nlook_phase_s = 0.6")
    ).sensor[0]
    np.testing.assert_allclose(look_times(sensor, 6.0), [0.6, 2.6, 4.6])
    assert len(look_times(sensor, 0.5)) == 0


def test_tracks_of_its_own_are_as_good_as_they_say_and_lean_on_each_other():
    world = run(HEAD + RADAR.replace("0.1", "0.5", 1) + "tracker = { period_s = 1.0, q_m2ps3 = 0.1 }\n")
    assert 'delivers = "tracks"' in world.site_toml
    assert "range_m" not in world.measurements.columns
    rows = world.measurements.join(world.truth.rename({"height_m": "true_m"}).select("time", "true_m"), on="time")
    assert set(rows["track_number"].to_list()) == {1.0}
    error = ((rows["height_m"] - rows["true_m"]) / rows["sigma_height_m"]).to_numpy()[60:]
    assert 0.3 < (error**2).mean() < 2.0
    assert np.corrcoef(error[1:], error[:-1])[0, 1] > 0.7


def test_a_chirp_adds_opening_speed_to_ranges_and_the_site_file_says_so():
    chirp = RADAR + "range_doppler_coupling_s = 0.4\n"
    plain, coupled = run(HEAD + RADAR), run(HEAD + chirp)
    rate = plain.measurements["range_rate_mps"].to_numpy()
    added = coupled.measurements["range_m"].to_numpy() - plain.measurements["range_m"].to_numpy()
    assert np.nanmax(np.abs(added - 0.4 * rate)) < 0.4 * 6.0 * 0.5, "but for the noise of the rate, which is not added"
    assert "range_doppler_coupling_s = 0.4" in coupled.site_toml
    assert "coupling" not in plain.site_toml
