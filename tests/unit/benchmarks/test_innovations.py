"""Innovations with the truth's help: plots of targets against what was expected of them."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from benchmarks.innovations import Watch

from lowsky.engine.config import parse_site
from lowsky.evaluate.consistency import nis
from lowsky.geo.enu import EnuFrame
from lowsky.model.track import PositionKind, TrackStatus
from lowsky.simulate import simulate


@pytest.fixture(scope="module")
def world():
    return simulate("crossing", seed=3, duration_s=60.0)


def snapshot_of(world, site, t_ns, status=TrackStatus.CONFIRMED, sigma=1e-3):
    """The truth of a second as if it were the tracks, as sure as ``sigma`` says."""
    rows = world.truth.filter(pl.col("time").cast(pl.Int64) == t_ns).sort("target_id")
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    latitude, longitude = (np.radians(rows[name].to_numpy()) for name in ("latitude_deg", "longitude_deg"))
    local = frame.local_from_enu(latitude, longitude)
    velocity = np.column_stack([rows[name].to_numpy() for name in ("east_mps", "north_mps", "up_mps")])
    x = np.hstack(
        (frame.pos_enu(latitude, longitude, rows["height_m"].to_numpy()), np.einsum("rji,rj->ri", local, velocity))
    )
    n = len(rows)
    return SimpleNamespace(
        status=np.full(n, status), position_kind=np.full(n, PositionKind.POINT), t_state_ns=np.full(n, t_ns),
        track_id=rows["target_id"].to_numpy() + 1, x=x, P=np.tile(sigma**2 * np.eye(6), (n, 1, 1)),
    )  # fmt: skip


def watched(world, **options):
    site = parse_site(world.site_toml, "site.toml")
    watch = Watch(world, site, 100.0)
    for t_ns in world.measurements["time"].cast(pl.Int64).unique().sort().to_list():
        if watch.wanted("radar-1", t_ns):
            watch.look("radar-1", t_ns, snapshot_of(world, site, t_ns, **options))
    return watch.innovations()


def test_a_tracker_that_knows_the_truth_has_the_plots_noise_for_innovations(world):
    found = nis(watched(world))["radar-1"]
    assert found["n"] == (world.made_by >= 0).sum()
    assert found["size"] == 4
    # 530 plots of four components: a standard error of 0.03
    assert found["mean"] == pytest.approx(1.0, abs=0.13)
    assert abs(found["lag_1"]) < 2.0 * found["lag_1_white_below"]


def test_one_that_is_too_modest_has_small_ones(world):
    assert nis(watched(world, sigma=30.0))["radar-1"]["mean"] < 0.5


def test_what_is_not_shown_is_not_judged(world):
    assert watched(world, status=TrackStatus.TENTATIVE).sensor == ()
