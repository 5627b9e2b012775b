"""A radar's echo against the tables of the project's science notes (5.1)."""

import math

import numpy as np
import pytest

from lowsky.simulate import parse_scenario, simulate
from lowsky.simulate.echo import received_power, snr90_db, swerling_1, swerling_3, threshold_db
from lowsky.simulate.pairs import lasting, switching
from lowsky.simulate.scenario import Terrain
from lowsky.simulate.terrain import Ground, fresnel, horizon_m, knife_edge_db, shadow_db

HEAD = """
name = "test"
description = "One object for each question"
duration_s = 400.0
[site]
name = "Here"
latitude_deg = 50.0
longitude_deg = 10.0
height_m = 100.0
[[target]]
name = "object"
class = "multirotor"
rcs_dbsm = -20.0
start = { kind = "box", east_m = 2000.0, north_m = 0.0, up_m = 150.0, speed_mps = 5.0, course_deg = 0.0 }
motion = { kind = "white-acceleration", q_m2ps3 = 0.0 }
"""
RADAR = """
[[sensor]]
id = "radar-1"
kind = "radar"
position_m = [0.0, 0.0, 10.0]
look_period_s = 0.1
detection_probability = 0.9
max_range_m = 9000.0
sigma_range_m = 5.0
sigma_azimuth_deg = 0.5
sigma_elevation_deg = 1.0
sigma_range_rate_mps = 0.5
r90_m = 2000.0
reports_rcs = true
"""


def rows_of(text, seed=0):
    return simulate(parse_scenario(text), seed).measurements.drop_nulls("range_m")


# science.md 5.1: required SNR in dB for P_D 0.5, 0.8, 0.9
@pytest.mark.parametrize(
    ("detects", "p_false", "table"),
    [
        (swerling_1, 1e-4, (10.9, 16.1, 19.4)),
        (swerling_1, 1e-6, (12.8, 17.8, 21.1)),
        (swerling_3, 1e-4, (10.1, 13.6, 15.6)),
        (swerling_3, 1e-6, (12.0, 15.3, 17.3)),
    ],
)
def test_the_signal_needed_is_the_tables(detects, p_false, table):
    for p, snr_db in zip((0.5, 0.8, 0.9), table, strict=True):
        around = detects(np.array([snr_db - 0.06, snr_db + 0.06]), p_false)
        assert around[0] < p < around[1]


@pytest.mark.parametrize(("swerling", "formula"), [(1, swerling_1), (3, swerling_3)])
@pytest.mark.parametrize("snr_db", [8.0, 13.0, 18.0])
def test_detection_by_drawing_the_signal_agrees_with_the_formula(rng, swerling, formula, snr_db):
    n = 400_000  # 0.0008 one standard error
    power = received_power(rng, np.full(n, 10.0 ** (snr_db / 10.0)), np.full(n, swerling))
    assert np.mean(power > -math.log(1e-4)) == pytest.approx(float(formula(np.array(snr_db), 1e-4)), abs=0.004)


@pytest.mark.parametrize(("rcs_m2", "factor"), [(0.001, 0.56), (0.003, 0.74), (0.03, 1.32), (0.1, 1.78), (1.0, 3.16)])
def test_range_grows_with_the_fourth_root_of_the_cross_section(rcs_m2, factor):
    text = HEAD + RADAR
    from lowsky.simulate.echo import mean_snr_db

    sensor = parse_scenario(text).sensor[0]
    at = mean_snr_db(sensor, np.array([10.0 * math.log10(rcs_m2)]), np.array([2000.0 * factor]))
    assert at[0] == pytest.approx(snr90_db(), abs=0.1)


def test_an_objects_cross_section_comes_out_of_its_plots_and_no_plot_is_below_the_threshold():
    text = HEAD.replace("rcs_dbsm = -20.0", "rcs_dbsm = 5.0") + RADAR + "echo = { slow_s = 1.0 }\n"
    rows = rows_of(text)
    # a strong signal is never lost: the mean power over Swerling 3 and ±3 dB is 1 + 10 ln10 ... of the median
    power = np.mean(10.0 ** (rows["rcs_dbsm"].to_numpy() / 10.0))
    lognormal = math.exp(0.5 * (3.0 * math.log(10.0) / 10.0) ** 2)
    assert power / lognormal == pytest.approx(10.0**0.5, rel=0.2)
    assert rows["snr_db"].min() > threshold_db() - 0.5


def test_a_hovering_object_vanishes_in_the_notch_unless_its_rotors_are_seen():
    still = HEAD.replace("speed_mps = 5.0", "speed_mps = 0.0")
    assert (
        "range_m" not in simulate(parse_scenario(still + RADAR + "echo = { notch_mps = 0.8 }\n")).measurements.columns
    )
    assert len(rows_of(still + RADAR + "echo = { notch_mps = 0.8, rotor_lines = true }\n")) > 1000


def test_errors_follow_the_signal_and_one_in_a_hundred_is_far_off():
    text = HEAD.replace("rcs_dbsm = -20.0", "rcs_dbsm = -5.0") + RADAR + "reports_sigma = true\necho = {}\n"
    made = simulate(parse_scenario(text))
    rows = made.measurements.drop_nulls("range_m")
    assert rows["sigma_range_m"].min() == pytest.approx(2.5)
    assert rows["sigma_range_m"].max() <= 10.0
    truth = np.hypot(2000.0, rows["time"].dt.epoch("ms").to_numpy() * 0.0)  # range at the start
    t_s = (rows["time"] - made.truth["time"].min()).dt.total_nanoseconds().to_numpy() / 1e9
    truth = np.sqrt(2000.0**2 + (5.0 * t_s) ** 2 + 140.0**2)
    error = (rows["range_m"].to_numpy() - truth) / rows["sigma_range_m"].to_numpy()
    assert np.median(np.abs(error)) == pytest.approx(0.674, abs=0.05)
    assert 0.002 < np.mean(np.abs(error) > 4.5) < 0.012  # 1 % of five times the σ: 0.37 of them beyond 4.5


def test_low_elevations_are_three_times_as_wrong():
    low, high = (
        np.std(rows_of(HEAD.replace("up_m = 150.0", f"up_m = {up}") + RADAR + "echo = { beam_elevation_deg = 5.0 }\n")
               ["elevation_deg"].to_numpy()[:500])
        for up in (60.0, 400.0)
    )  # fmt: skip
    assert low / high == pytest.approx(3.0, rel=0.35)


def test_the_horizon_is_the_published_one():
    # science.md 5.1: 10 m and 30 m see each other over 35.6 km (4.12 km per root metre)
    assert horizon_m(10.0, 30.0) == pytest.approx(35_600.0, rel=0.005)
    ground = Ground.of(Terrain())
    for way, hidden in ((34_500.0, False), (37_000.0, True)):
        drop = way**2 / (2.0 * 6_371_008.8)
        nu = fresnel(ground, np.array([0.0, 0.0, 10.0]), np.array([[way, 0.0, 30.0 - drop]]), 0.001)
        assert (nu[0] > 0.0) == hidden


def test_a_knife_edge_at_grazing_height_costs_six_decibels():
    assert knife_edge_db(np.array([0.0]))[0] == pytest.approx(6.03, abs=0.1)
    assert knife_edge_db(np.array([-0.9]))[0] == 0.0
    assert knife_edge_db(np.array([2.4]))[0] == pytest.approx(20.5, abs=0.5)


def test_a_ridge_hides_what_is_behind_it_and_not_what_is_above_it():
    heights = tuple((0.0, 0.0, 120.0, 0.0, 0.0) for _ in range(3))
    ground = Ground.of(Terrain(east_m=(-2000.0, 2000.0), north_m=(-2000.0, 2000.0), heights_m=heights))
    behind, above = np.array([[1500.0, 0.0, 30.0]]), np.array([[1500.0, 0.0, 600.0]])
    place = np.array([-1500.0, 0.0, 10.0])
    assert shadow_db(ground, place, behind, 0.03)[0] > 20.0
    assert shadow_db(ground, place, above, 0.03)[0] == 0.0
    assert shadow_db(None, place, behind, 0.03)[0] == 0.0


def test_a_map_is_read_from_north_to_south_and_from_west_to_east():
    ground = Ground.of(Terrain(east_m=(0.0, 100.0), north_m=(0.0, 100.0), heights_m=((1.0, 2.0), (3.0, 4.0))))
    at = [
        (0.0, 100.0, 1.0),
        (100.0, 100.0, 2.0),
        (0.0, 0.0, 3.0),
        (100.0, 0.0, 4.0),
        (50.0, 50.0, 2.5),
        (-9.0, 0.0, 3.0),
    ]
    for east, north, height in at:
        assert ground.bare(np.array(east), np.array(north)) == pytest.approx(height)


def test_values_that_last_have_their_spread_and_their_memory(rng):
    values = lasting(rng, (4000, 200), 1.0, 3.0, 10.0)
    assert values.std() == pytest.approx(3.0, rel=0.02)
    assert np.mean(values[10:] * values[:-10]) / 9.0 == pytest.approx(math.exp(-1.0), abs=0.03)
    on = switching(rng, (4000, 200), 0.5, 0.2, 8.0)
    assert on.mean() == pytest.approx(0.2, abs=0.01)
    assert np.mean(on[1:] & ~on[:-1]) == pytest.approx(0.2 * 0.5 / 8.0, rel=0.05)
