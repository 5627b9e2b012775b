"""Clutter that stays in place or drifts. Statistical bounds are five standard errors: two in a million by chance."""

import math

import msgspec
import numpy as np
import polars as pl
import pytest

from lowsky.constants import SECOND_NS
from lowsky.simulate import load_scenario, parse_scenario, simulate

HEAD = """
name = "test"
description = "Clutter only"
duration_s = 400.0
target = []
[site]
name = "Here"
latitude_deg = 37.45
longitude_deg = 126.6
height_m = 30.0
[[sensor]]
id = "radar-1"
kind = "radar"
position_m = [300.0, -200.0, 5.0]
look_period_s = 1.0
detection_probability = 0.9
clutter_per_look = 50.0
max_range_m = 5000.0
sigma_range_m = 10.0
sigma_azimuth_deg = 0.5
sigma_elevation_deg = 1.0
"""
GROUND = """
[sensor.patches]
share = {share}
weight_sigma = {weight_sigma}
wind_mps = 8.0
wind_course_deg = 60.0
range_rate_sigma_mps = 0.3
[[sensor.patches.group]]
count = {count}
range_m = [800.0, 2000.0]
spread_m = 40.0
up_sigma_m = 20.0
drifts = {drifts}
"""


def patches(share=1.0, weight_sigma=0.0, count=1, drifts="false", head=HEAD):
    return head + GROUND.format(share=share, weight_sigma=weight_sigma, count=count, drifts=drifts)


def enu_of(rows):
    """Plots in the sensor's axes, float64[R, 3] m."""
    range_m = rows["range_m"].to_numpy()
    azimuth, elevation = (np.radians(rows[name].to_numpy()) for name in ("azimuth_deg", "elevation_deg"))
    level = range_m * np.cos(elevation)
    return np.column_stack((level * np.sin(azimuth), level * np.cos(azimuth), range_m * np.sin(elevation)))


def plots(text, seed=0):
    """Seconds and position float64[R, 3] m in the site's axes (flat: 2 km away the earth falls by 0.3 m)."""
    world = simulate(parse_scenario(text), seed)
    rows = world.measurements.drop_nulls("range_m")
    pos = enu_of(rows)
    start_ns = int(world.scenario.start.timestamp()) * SECOND_NS
    seconds = (rows["time"].cast(pl.Int64).to_numpy() - start_ns) / SECOND_NS
    return rows, seconds, pos + np.array(world.scenario.sensor[0].position_m)


def test_a_patch_stays_where_it_is_with_the_spread_and_height_it_is_given():
    rows, seconds, pos = plots(patches())
    n = len(rows)
    assert abs(n - 400 * 50.0) < 5.0 * math.sqrt(400 * 50.0)
    centre = pos[:, :2].mean(axis=0)
    assert 790.0 < np.hypot(*(centre - np.array([300.0, -200.0]))) < 2010.0
    for axis in range(2):
        assert abs(pos[:, axis].std() - 40.0) < 5.0 * 40.0 / math.sqrt(2.0 * n)
        early, late = pos[seconds <= 200.0, axis], pos[seconds > 200.0, axis]
        assert abs(early.mean() - late.mean()) < 5.0 * 40.0 / math.sqrt(n / 4.0)
    mean = 20.0 * math.sqrt(2.0 / math.pi)  # of |N(0, 20)|
    assert abs(pos[:, 2].mean() - mean) < 5.0 * 20.0 * math.sqrt((1.0 - 2.0 / math.pi) / n) + 0.4
    assert pos[:, 2].min() > -1.0


def test_a_patch_that_drifts_goes_with_its_wind():
    _, seconds, pos = plots(patches(drifts="true"))
    for axis, wanted in enumerate((8.0 * math.sin(math.radians(60.0)), 8.0 * math.cos(math.radians(60.0)))):
        speed = np.polyfit(seconds, pos[:, axis], 1)[0]
        assert abs(speed - wanted) < 5.0 * 40.0 / math.sqrt(len(seconds) * 400.0**2 / 12.0) + 0.002


def test_the_range_rate_of_a_drifting_patch_is_that_of_its_drift():
    head = HEAD + "sigma_range_rate_mps = 0.5\n"
    rows, _, pos = plots(patches(drifts="true", head=head))
    sight = pos - np.array([300.0, -200.0, 5.0])
    drift = 8.0 * np.array([math.sin(math.radians(60.0)), math.cos(math.radians(60.0)), 0.0])
    error = rows["range_rate_mps"].to_numpy() - sight @ drift / np.linalg.norm(sight, axis=1)
    assert abs(error.mean()) < 5.0 * 0.3 / math.sqrt(len(rows)) + 0.002
    assert error.std() == pytest.approx(0.3, rel=0.05)


def test_only_the_stated_share_comes_from_patches_and_the_number_is_that_of_the_site_file():
    rows, _, pos = plots(patches(share=0.7))
    centre = np.median(pos[:, :2], axis=0)
    inside = np.hypot(*(pos[:, :2] - centre).T) < 200.0  # five times the spread; of the others about one in 10³
    assert abs(len(rows) - 400 * 50.0) < 5.0 * math.sqrt(400 * 50.0)
    assert abs(inside.mean() - 0.7) < 5.0 * math.sqrt(0.21 / len(rows)) + 0.002


def test_rates_of_patches_differ_as_log_normal_shares_do():
    """The spread of log rates over 40 runs of eight patches is the one given."""
    logs = []
    for seed in range(40):
        rows, _, pos = plots(patches(weight_sigma=0.8, count=8).replace("spread_m = 40.0", "spread_m = 0.01"), seed)
        counts = np.unique(np.round(pos[:, :2], -1), axis=0, return_counts=True)[1]
        counts = counts[counts > 30]  # a patch near the edge of a 10 m square may be told as two
        logs.append(np.log(counts / len(rows)) if len(counts) == 8 else [])
    used = [each for each in logs if len(each)]
    assert len(used) > 20
    spread = np.sqrt(np.mean([np.var(each, ddof=1) for each in used]))
    assert abs(spread - 0.8) < 5.0 * 0.8 / math.sqrt(2.0 * 7.0 * len(used))


def test_patches_lie_elsewhere_for_another_seed():
    one, two = (plots(patches(), seed)[2][:, :2].mean(axis=0) for seed in (0, 1))
    assert np.hypot(*(one - two)) > 100.0


def test_the_clutter_of_s7_is_seven_tenths_patches_and_the_site_file_says_only_how_much():
    world = simulate("patchy", 0, duration_s=60.0)
    assert "clutter_per_look = 300.0" in world.site_toml
    for secret in ("patch", "share", "drift", "wind", "spread"):
        assert secret not in world.site_toml
    assert "range_rate_mps" not in world.measurements.columns
    clutter = world.measurements.filter(pl.Series(world.made_by < 0)).drop_nulls("range_m")
    assert abs(len(clutter) - 60 * 300.0) < 5.0 * math.sqrt(60 * 300.0)
    flat = (clutter["range_m"] > 4200.0).mean()  # where no patch reaches
    assert abs(flat - 0.3 * 800.0 / 4900.0) < 5.0 * math.sqrt(0.05 * 0.95 / len(clutter))


def test_patches_change_neither_targets_nor_their_plots():
    base = load_scenario("patchy")
    bare = msgspec.structs.replace(base.sensor[0], patches=type(base.sensor[0].patches)(), clutter_per_look=90.0)
    with_patches = simulate(base, 3, duration_s=20.0)
    without = simulate(msgspec.structs.replace(base, sensor=(bare,)), 3, duration_s=20.0)
    assert without.truth.equals(with_patches.truth)
    kept = [w.measurements.filter(pl.Series(w.made_by >= 0)).sort("look", "range_m") for w in (with_patches, without)]
    assert kept[0].equals(kept[1])
