"""Detected targets of one resolution cell give one plot."""

import math

import numpy as np
import polars as pl
import pytest

from lowsky.simulate import idealised, load_scenario, simulate
from lowsky.simulate.cells import merged
from lowsky.simulate.scenario import Cells

WINDOWS_S = {3.0: (0, 60), 2.0: (80, 140), 1.0: (160, 220)}


def polar_of(range_m, azimuth_deg, elevation_deg):
    return np.column_stack((range_m, np.radians(azimuth_deg), np.radians(elevation_deg)))


def cells_by_hand(rng, look, polar, cells):
    """The number of plots, cell by cell."""
    phases = {k: rng.random(3) for k in np.unique(look)}
    seen = set()
    for k, (range_m, azimuth, elevation) in zip(look.tolist(), polar, strict=True):
        values = (range_m / cells.range_m, math.degrees(azimuth) / cells.azimuth_deg)
        values += (math.degrees(elevation) / cells.elevation_deg,)
        seen.add((k, *(math.floor(v + p) for v, p in zip(values, phases[k], strict=True))))
    return len(seen)


def test_one_plot_stands_for_its_cell_at_the_middle_of_what_is_in_it(rng):
    look = np.array([0, 0, 0, 1])
    polar = polar_of([1000.0, 1001.0, 3000.0, 1000.0], [10.0, 10.01, 10.0, 10.0], [5.0, 5.01, 5.0, 5.0])
    pos, vel = rng.random((4, 3)), rng.random((4, 3))
    rcs = np.array([-10.0, -10.0, -13.0, -10.0])
    apart = 0
    for _ in range(400):
        new_pos, new_vel, new_rcs, first = merged(
            rng, Cells(range_m=100.0, azimuth_deg=1.0, elevation_deg=1.0), look, polar, (pos, vel, rcs)
        )
        if first[1]:  # the grid ran between them
            apart += 1
            np.testing.assert_array_equal(new_pos, pos)
            continue
        np.testing.assert_array_equal(first, [True, False, True, True])
        np.testing.assert_allclose(new_pos[0], (pos[0] + pos[1]) / 2.0)
        np.testing.assert_allclose(new_vel[1], (vel[0] + vel[1]) / 2.0)
        np.testing.assert_array_equal(new_pos[2:], pos[2:])
        assert new_rcs[0] == pytest.approx(-10.0 + 10.0 * math.log10(2.0))
        np.testing.assert_array_equal(new_rcs[2:], rcs[2:])
    # three axes, each with an edge between the two once in a hundred looks
    assert abs(apart / 400 - 0.03) < 5.0 * math.sqrt(0.03 * 0.97 / 400)


def test_an_axis_without_a_size_does_not_separate(rng):
    look, polar = np.zeros(2, np.int64), polar_of([1000.0, 4000.0], [10.0, 10.0], [5.0, 80.0])
    of = (np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(2))
    assert merged(rng, Cells(azimuth_deg=90.0), look, polar, of)[3].sum() == 1


def test_nothing_detected_is_nothing_merged(rng):
    of = (np.empty((0, 3)), np.empty((0, 3)), np.empty(0))
    pos, _, _, first = merged(rng, Cells(range_m=15.0), np.empty(0, np.int64), np.empty((0, 3)), of)
    assert pos.shape == (0, 3)
    assert len(first) == 0


def test_merging_agrees_with_counting_cells_one_by_one(rng):
    n, cells = 4000, Cells(range_m=15.0, azimuth_deg=1.0, elevation_deg=2.0)
    look = np.sort(rng.integers(0, 400, n))
    polar = polar_of(2000.0 + 40.0 * rng.random(n), 355.0 + 3.0 * rng.random(n), 3.0 * rng.random(n))
    of = (np.zeros((n, 3)), np.zeros((n, 3)), np.zeros(n))
    fast = np.array([merged(rng, cells, look, polar, of)[3].sum() for _ in range(20)])
    slow = np.array([cells_by_hand(rng, look, polar, cells) for _ in range(20)])
    assert abs(fast.mean() - slow.mean()) < 5.0 * np.hypot(fast.std(), slow.std()) / math.sqrt(20)
    assert fast.mean() < 0.95 * n


def test_a_formation_gives_as_many_plots_a_look_as_the_reference():
    """17.9, 17.5 and 9.2 plots at 3, 2 and 1 σ; of how many runs is not known, so one run's error is granted."""
    counts = {spacing: [] for spacing in WINDOWS_S}
    for seed in range(5):
        world = simulate("formation", seed, duration_s=220.0)
        per_look = np.bincount(world.measurements["look"].to_numpy()[world.made_by >= 0], minlength=220)
        for spacing, (first, last) in WINDOWS_S.items():
            counts[spacing].append(per_look[first:last].mean())
    for spacing, wanted in ((3.0, 17.9), (2.0, 17.5), (1.0, 9.2)):
        one_run = np.std(counts[spacing], ddof=1)
        assert abs(np.mean(counts[spacing]) - wanted) < 0.05 + 4.0 * max(one_run, 0.08)


def test_the_noise_of_a_plot_is_that_of_the_first_target_of_its_cell():
    scenario = load_scenario("formation")
    unresolved, resolved = simulate(scenario, 1, duration_s=200.0), simulate(idealised(scenario), 1, duration_s=200.0)
    assert unresolved.truth.equals(resolved.truth)
    assert (resolved.made_by >= 0).sum() > (unresolved.made_by >= 0).sum() > 0
    both = [
        world.measurements.with_columns(target=pl.Series(world.made_by)).filter(pl.col("target") >= 0)
        for world in (unresolved, resolved)
    ]
    pairs = both[0].join(both[1], on=["look", "target"], suffix="_resolved")
    assert len(pairs) == len(both[0])  # every plot is named after a target that was detected
    same = (pairs["range_m"] == pairs["range_m_resolved"]).to_numpy()
    early = pairs["look"].to_numpy() < 60  # at 3 σ nothing is merged
    assert same[early].all()
    assert 0.3 < 1.0 - same[pairs["look"].to_numpy() > 165].mean() < 0.95
    # the middle of a cell of 15 m is within 15 m of each of its targets
    assert (pairs["range_m"] - pairs["range_m_resolved"]).abs().max() < 15.0
    false = [
        world.measurements.filter(pl.Series(world.made_by < 0)).drop_nulls("range_m").sort("look", "range_m")
        for world in (unresolved, resolved)
    ]
    assert false[0].equals(false[1])
