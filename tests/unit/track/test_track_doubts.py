"""Sensors whose rows cannot be right: each degrades only itself, is flagged with the reason, and the picture stays.

One world, two radars and four of six objects that report themselves; each fault is given to radar one alone.
"""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from tests.unit.track.test_track_registration import RADARS, RECEIVER, off, states, ticks
from tests.unit.track.track_scenes import SECOND, T0, distances, site

from lowsky.track.tracker import Tracker

SECONDS = 75
WELL = np.zeros(4)


@pytest.fixture(scope="module")
def world():
    """Every look and report of a scene in which all is well."""
    return list(ticks(SECONDS, WELL))


def with_z(tick, z):
    batch = tick.batch
    t = np.full(len(z), batch.t_ns)
    sigma = np.full((len(z), batch.z.shape[1]), np.nan)
    return replace(tick, batch=replace(batch, t_meas_ns=t, t_recv_ns=t.copy(), z=np.ascontiguousarray(z), sigma=sigma))


def frozen(world):
    """After half a minute radar one repeats one look for ever."""
    kept = None
    for tick in world:
        if tick.batch.sensor == "one" and tick.t_ns > T0 + 30 * SECOND:
            kept = tick.batch.z if kept is None else kept
            tick = with_z(tick, kept)
        yield tick


def doubled(world):
    """Each of its plots comes twice, and every third look is sent again."""
    for k, tick in enumerate(world):
        if tick.batch.sensor == "one":
            tick = with_z(tick, np.vstack((tick.batch.z, tick.batch.z)))
            if k % 3 == 0:
                yield tick
        yield tick


def holed(world):
    """Two of three plots are no numbers."""
    for tick in world:
        if tick.batch.sensor == "one":
            z = tick.batch.z.copy()
            z[np.arange(len(z)) % 3 > 0] = np.nan
            tick = with_z(tick, z)
        yield tick


def cluttered(world):
    """Ten times the false plots the site file promises."""
    rng = np.random.default_rng(7)
    for tick in world:
        if tick.batch.sensor == "one":
            n = rng.poisson(90)
            false = np.column_stack(
                (rng.uniform(100, 6000, n), rng.uniform(0, 6.28, n), rng.uniform(0, 0.8, n), rng.uniform(-40, 40, n))
            )
            tick = with_z(tick, np.vstack((tick.batch.z, false)))
        yield tick


def shifted(error):
    def stream(world):
        return (off(tick, error) if tick.batch.sensor == "one" else tick for tick in world)

    return stream


def elsewhere(world):
    """Radar one stands 300 m east and 200 m south of where the site file has it."""
    for tick in world:
        if tick.batch.sensor == "one":
            r, azimuth, elevation, rate = tick.batch.z.T
            level = r * np.cos(elevation)
            east, north, up = level * np.sin(azimuth) - 300, level * np.cos(azimuth) + 200, r * np.sin(elevation)
            r = np.sqrt(east**2 + north**2 + up**2)
            tick = with_z(tick, np.column_stack((r, np.arctan2(east, north), np.arcsin(up / r), rate)))
        yield tick


FAULTS = {
    "range wrong by 200 m": (shifted(np.array([200.0, 0.0, 0.0, 0.0])), "m in range"),
    "azimuth wrong by 3°": (shifted(np.array([0.0, np.radians(3.0), 0.0, 0.0])), "in azimuth"),
    "clock wrong by 2 s": (shifted(np.array([0.0, 0.0, 0.0, -2.0])), "s in time"),
    "plots frozen": (frozen, "the same for"),
    "plots duplicated": (doubled, "come twice"),
    "NaNs": (holed, "cannot be used"),
    "sensor moved": (elsewhere, "in place"),
    "clutter tenfold": (cluttered, "false plots a look"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_sensor_is_flagged_with_the_reason_and_the_picture_without_it_stays_right(world, fault):
    # given a world in which one radar is faulty from the start or from its middle on
    stream, reason = FAULTS[fault]
    tracker = Tracker(site(*RADARS, RECEIVER))
    # when it is tracked
    for tick in stream(world):
        tracker.step(tick)
    # then that radar is flagged, in words, and no other
    doubts = tracker.doubts()
    assert list(doubts) == ["one"]
    assert reason in doubts["one"]
    # and every object is there once, in its place, and nothing beside
    there = states(SECONDS + 0.5)
    far = distances(tracker.snapshot(T0 + SECONDS * SECOND + SECOND // 2), there)
    assert far.shape == (len(there), len(there))
    assert far.min(axis=0).max() < 60.0
    assert all(0.0 <= r <= 1.0 for r in tracker.snapshot().existence)


def test_where_all_is_well_nobody_is_doubted(world):
    tracker = Tracker(site(*RADARS, RECEIVER))
    for tick in world:
        tracker.step(tick)
    assert tracker.doubts() == {}
    assert not [reason for _, reason in tracker.rejects]


def test_a_sensor_that_understates_its_noise_is_told_by_its_residuals(world):
    sharp = replace_sigma(RADARS[0], 0.3)
    tracker = Tracker(site(sharp, RADARS[1], RECEIVER))
    for tick in world:
        tracker.step(tick)
    assert "scatter" in tracker.doubts()["one"]


def replace_sigma(sensor, times):
    return msgspec.structs.replace(
        sensor, sigma_range_m=sensor.sigma_range_m * times, sigma_azimuth_rad=sensor.sigma_azimuth_rad * times,
        sigma_elevation_rad=sensor.sigma_elevation_rad * times,
    )  # fmt: skip


def test_a_doubt_survives_saving(world):
    first = Tracker(site(*RADARS, RECEIVER))
    for tick in doubled(world):
        first.step(tick)
    second = Tracker(site(*RADARS, RECEIVER))
    second.load(first.dump())
    assert second.doubts() == first.doubts() != {}
    assert second.dump() == first.dump()
