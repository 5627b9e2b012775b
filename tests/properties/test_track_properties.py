"""What holds for every scene: covariances, existence, order of rows, rotation of the world."""

import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lowsky.model.measurement import Coverage, MeasurementBatch, MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.site import Sensor, Site
from lowsky.model.track import TrackStatus
from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

PLACE = {"latitude_rad": 0.8, "longitude_rad": 0.3, "height_m": 50.0}
RADAR = Sensor(
    id="r", kind="radar", max_range_m=5000.0, look_period_s=1.0, clutter_per_look=5.0, elevation_rad=(0.0, 1.5),
    sigma_range_m=10.0, sigma_azimuth_rad=0.01, sigma_elevation_rad=0.02, sigma_range_rate_mps=0.5, **PLACE,
)  # fmt: skip
SITE = Site(name="p", sensors=(RADAR,), **PLACE)
SECOND = 1_000_000_000


def scene(seed, looks=8):
    """Looks of a few moving targets, clutter, holes in the data; float64[N, 4] rows."""
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 6)
    p = np.column_stack((rng.uniform(-3000, 3000, (n, 2)), rng.uniform(30, 800, n)))
    v = np.column_stack((rng.normal(0, 20, (n, 2)), rng.normal(0, 2, n)))
    for k in range(1, looks + 1):
        x = p + k * v
        r = np.linalg.norm(x, axis=1)
        z = np.column_stack((r, np.arctan2(x[:, 0], x[:, 1]), np.arcsin(x[:, 2] / r), (x * v).sum(axis=1) / r))
        z += rng.normal(size=z.shape) * [10, 0.01, 0.02, 0.5]
        m = rng.integers(0, 8)
        false = np.column_stack(
            (rng.uniform(100, 5000, m), rng.uniform(0, 6.28, m), rng.uniform(0, 0.8, m), rng.uniform(-40, 40, m))
        )
        z = np.vstack((z[rng.random(n) < 0.9], false))
        z[rng.random(len(z)) < 0.2, 3] = np.nan
        z[rng.random(len(z)) < 0.1, 2] = np.nan
        yield k, z


def tick(k, z):
    t = np.full(len(z), k * SECOND)
    cover = Coverage(k * SECOND, k * SECOND, 0.0, 5000.0, 0.0, 2 * math.pi, 0.0, 1.5)
    z = np.ascontiguousarray(z)
    rows = MeasurementBatch("r", MeasurementKind.RADAR, t, t.copy(), z, np.full_like(z, np.nan), k, cover)
    return Tick(k * SECOND, rows)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
@example(2296)
def test_covariances_stay_positive_definite_and_existence_a_probability(seed):
    tracker, numbers = Tracker(SITE), set()
    for k, z in scene(seed, 12):
        tracker.step(tick(k, z))
        snapshot = tracker.snapshot()
        np.testing.assert_array_equal(snapshot.P, np.swapaxes(snapshot.P, 1, 2))
        for P in snapshot.P:
            np.linalg.cholesky(P)
        assert ((snapshot.existence >= 0) & (snapshot.existence <= 1)).all()
        assert (np.diff(snapshot.track_id) > 0).all()
        alive = set(snapshot.track_id[snapshot.status != TrackStatus.DROPPED].tolist())
        ended = set(snapshot.track_id[snapshot.status == TrackStatus.DROPPED].tolist())
        assert not alive & (numbers & ended)
        numbers |= ended


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_in_a_look_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    first, second = Tracker(SITE), Tracker(SITE)
    for k, z in scene(seed):
        assert first.step(tick(k, z)) == second.step(tick(k, z[rng.permutation(len(z))]))
        a, b = first.snapshot(), second.snapshot()
        assert a.x.tobytes() == b.x.tobytes()
        assert a.P.tobytes() == b.P.tobytes()
        assert a.track_id.tobytes() == b.track_id.tobytes()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-3.0, 3.0))
@example(1839457780, 1.0)
def test_turning_the_world_turns_the_tracks(seed, angle):
    # the clutter map's cells lie where they lie: without it; those in which objects come do, too: a tenth of σ
    no_map = TrackerSettings(clutter_memory_s=0.0)
    plain, turned = Tracker(SITE, no_map), Tracker(SITE, no_map)
    for k, z in scene(seed):
        plain.step(tick(k, z))
        turned.step(tick(k, z + np.array([0.0, angle, 0.0, 0.0])))
    a, b = plain.snapshot(), turned.snapshot()
    # clockwise by ``angle``: east' = east cos + north sin
    c, s = math.cos(angle), math.sin(angle)
    turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    assert a.track_id.tolist() == b.track_id.tolist()
    sigma = np.sqrt(np.array([[np.trace(P[:3, :3]), np.trace(P[3:, 3:])] for P in a.P]).reshape(-1, 2) / 3.0)
    assert (np.abs(b.x[:, :3] - a.x[:, :3] @ turn.T) < 0.1 * sigma[:, :1] + 0.05).all()
    assert (np.abs(b.x[:, 3:] - a.x[:, 3:] @ turn.T) < 0.1 * sigma[:, 1:] + 0.05).all()
    np.testing.assert_allclose(b.existence, a.existence, atol=1e-3)


ODD = [0.0, -0.0, 1e-300, 1.0, 1.5, math.pi, -1e3, 1e4, 1e8, 1e9, 1e300, math.inf, -math.inf, math.nan]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_input_makes_a_covariance_indefinite_or_an_existence_leave_its_range(data):
    draw = data.draw
    hearing = Sensor(id="b", kind="direction-finder", **PLACE)
    tracker = Tracker(Site(name="p", sensors=(RADAR, hearing, Sensor(id="c", kind="cooperative", **PLACE)), **PLACE))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = [("r", MeasurementKind.RADAR, 4), ("b", MeasurementKind.BEARING, 2), ("c", MeasurementKind.REPORT, 6)]
    good = {"r": [900.0, 1.0, 0.2, 5.0], "b": [1.0, 0.2], "c": [0.8001, 0.3001, 300.0, 1.0, 2.0, 0.0]}
    for k in range(1, 10):
        name, kind, width = kinds[draw(st.integers(0, 2))]
        n = int(rng.integers(1, 6))
        z = np.where(rng.random((n, width)) < 0.3, rng.choice(ODD, (n, width)), np.tile(good[name], (n, 1)))
        z += rng.normal(size=z.shape) * 1e-3
        sigma = np.where(rng.random((n, width)) < 0.7, np.nan, rng.choice(ODD, (n, width)))
        t = np.array([k * SECOND + draw(st.sampled_from([0, -(10**9), 10**8])) for _ in range(n)])
        cover = Coverage(k * SECOND, k * SECOND, 0.0, 5000.0, 0.0, 2 * math.pi, 0.0, 1.5) if name == "r" else None
        tracker.step(Tick(k * SECOND, MeasurementBatch(name, kind, t, t.copy(), z, sigma, coverage=cover)))
        table = tracker._core.table
        assert ((table.r[: table.n] >= 0.0) & (table.r[: table.n] <= 1.0)).all()
        assert np.isfinite(table.xm[: table.n]).all()
        np.linalg.cholesky(table.Pm[: table.n])
