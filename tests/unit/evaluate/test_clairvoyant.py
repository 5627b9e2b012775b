"""Reference lines of a whole scenario."""

import numpy as np
import pytest

from lowsky.engine.config import parse_site
from lowsky.evaluate import evaluate
from lowsky.evaluate.clairvoyant import LEAST_PLOTS, Motion, clairvoyant_tracks, detections_of, position_bound_m
from lowsky.simulate import simulate

MOTION = Motion(((0.1, 0.01),))


@pytest.fixture(scope="module")
def world():
    return simulate("crossing", seed=3, duration_s=80.0)


@pytest.fixture(scope="module")
def site(world):
    return parse_site(world.site_toml, "site.toml")


def test_every_row_says_who_made_it_and_no_file_does(world):
    assert len(world.made_by) == len(world.measurements)
    assert set(np.unique(world.made_by)) <= {-1, *world.truth["target_id"].unique()}
    assert "made_by" not in world.measurements.columns
    assert 0.3 < (world.made_by >= 0).mean() < 0.7


def test_the_filter_that_is_told_everything_stays_near_the_bound(world, site):
    found = detections_of(world.measurements, world.made_by, site)
    tracks = clairvoyant_tracks(found, site, MOTION)
    report = evaluate(tracks, world.truth, max_age_s=1e4, origin="simulated")
    bound_m = position_bound_m(found, world.truth, site, MOTION.q[0])
    assert report.metrics["identity_switches"] == 0
    assert report.metrics["settled"]["false"] == 0.0
    assert 0.8 * bound_m < report.metrics["settled"]["rmse_m"] < 1.3 * bound_m


def test_a_target_of_few_detections_is_not_followed(world, site):
    few = world.made_by.copy()
    rows = np.flatnonzero(few == 2)
    few[rows[LEAST_PLOTS - 1 :]] = -1
    tracks = clairvoyant_tracks(detections_of(world.measurements, few, site), site, MOTION)
    assert 3 not in tracks["track_id"].to_list()
    assert set(tracks["status"]) == {"confirmed"}
    assert tracks["covariance"].list.len().to_list() == [21] * len(tracks)


def test_half_the_detections_raise_the_bound(world, site):
    whole = detections_of(world.measurements, world.made_by, site)
    thin = np.where(np.arange(len(world.made_by)) % 2 == 0, world.made_by, -1)
    half = detections_of(world.measurements, thin, site)
    q = MOTION.q[0]
    assert position_bound_m(half, world.truth, site, q) > 1.1 * position_bound_m(whole, world.truth, site, q)


def test_what_a_sensors_own_tracker_made_of_its_plots_is_no_detection():
    world = simulate("own-tracks", seed=3, duration_s=8.0)
    found = detections_of(world.measurements, world.made_by, parse_site(world.site_toml))
    of_radar = (world.measurements["sensor"] == "radar").to_numpy() & (world.made_by >= 0)
    assert len(found.t_ns) == of_radar.sum() < (world.made_by >= 0).sum()
