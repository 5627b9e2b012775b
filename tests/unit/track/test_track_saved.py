"""Saving, loading, determinism, and what hostile or heavy input does."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.unit.track.track_scenes import (
    SECOND,
    T0,
    batch,
    cover,
    finder,
    look,
    radar,
    receiver,
    reports,
    site,
    straight,
)  # fmt: skip

from lowsky.model.measurement import Labels, MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.track import TrackSnapshot
from lowsky.track import warm_up
from lowsky.track.rows import TrackReject
from lowsky.track.tracker import Tracker

SENSORS = radar(clutter_per_look=15.0), finder(), receiver(), radar("panel", delivers="tracks")


def ticks(seed, seconds):
    """A busy little scene: radar, bearings, two who report, time passing."""
    rng = np.random.default_rng(seed)
    for t in range(1, seconds + 1):
        states = np.vstack([straight([400 * k - 800, 1500, 100 + 10 * k], [5 * k - 10, -8, 0], t) for k in range(5)])
        yield look(rng, SENSORS[0], t, states)
        t_ns = T0 + t * SECOND + SECOND // 4
        z = np.column_stack((rng.uniform(0, 6, 3), np.full(3, np.nan)))
        z[0, 0] = 1.0 + 0.01 * t
        yield Tick(t_ns, batch(SENSORS[1], MeasurementKind.BEARING, t_ns, z, coverage=cover(SENSORS[1], t_ns)))
        if t % 3 or t < 30:
            yield reports(rng, SENSORS[2], t + 0.5, states[:2], ["a", "b"])
        yield reports(rng, SENSORS[3], t + 0.6, states[2:4], ["7", "8"])
        yield Tick(T0 + t * SECOND + 3 * SECOND // 4)


def fingerprint(snapshot: TrackSnapshot) -> bytes:
    columns = [getattr(snapshot, name) for name in TrackSnapshot.__dataclass_fields__ if name != "t_ns"]
    raw = b"".join(c.tobytes() if isinstance(c, np.ndarray) else repr(c).encode() for c in columns[:-2])
    return raw + repr(snapshot.texts).encode() + b"".join(a.tobytes() for a in snapshot.attributes.values())


def test_a_loaded_tracker_goes_on_exactly_as_the_saved_one():
    scene = list(ticks(5, 40))
    first, second = Tracker(site(*SENSORS)), Tracker(site(*SENSORS))
    for tick in scene[:77]:
        first.step(tick)
    second.load(first.dump())
    assert fingerprint(second.snapshot()) == fingerprint(first.snapshot())
    for tick in scene[77:]:
        assert first.step(tick) == second.step(tick)
        assert fingerprint(second.snapshot()) == fingerprint(first.snapshot())
    assert first.dump() == second.dump()
    assert first.rejects == second.rejects


def test_a_dump_of_another_version_is_refused():
    tracker, other = Tracker(site(*SENSORS)), msgspec.msgpack.encode({"version": 0})
    with pytest.raises(ValueError, match="version"):
        tracker.load(other)


def run_digest(seed):
    tracker, digest = Tracker(site(*SENSORS)), hashlib.sha256()
    for tick in ticks(seed, 25):
        digest.update(repr(tracker.step(tick)).encode())
        digest.update(fingerprint(tracker.snapshot()))
    return digest.hexdigest()


def test_another_hash_seed_changes_nothing():
    root = Path(__file__).parents[3]
    script = "from tests.unit.track.test_track_saved import run_digest; print(run_digest(6))"
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    other = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == run_digest(6)


def test_permuting_the_rows_of_a_look_changes_nothing(rng):
    plain, permuted = Tracker(site(*SENSORS)), Tracker(site(*SENSORS))
    for tick in ticks(7, 20):
        plain.step(tick)
        order = rng.permutation(len(tick.batch)) if tick.batch is not None else None
        permuted.step(tick if order is None else Tick(tick.t_ns, tick.batch.take(order)))
        assert fingerprint(plain.snapshot()) == fingerprint(permuted.snapshot())


def test_hostile_values_are_survived_and_existence_and_covariance_stay_what_they_are():
    rng = np.random.default_rng(9)
    tracker = Tracker(site(*SENSORS))
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300, -1e300, 1e-300, 1e8, 3.0, 1000.0])
    names = ["a", "b", None, ""]
    with np.errstate(all="ignore"):
        for t in range(1, 61):
            t_ns = T0 + t * SECOND
            for sensor, kind, width in zip(
                SENSORS,
                (MeasurementKind.RADAR, MeasurementKind.BEARING, MeasurementKind.REPORT, MeasurementKind.REPORT),
                (4, 2, 6, 6),
                strict=True,
            ):
                z, sigma = rng.choice(odd, (20, width)), rng.choice(odd, (20, width))
                texts = {"identity": Labels.of([names[k] for k in rng.integers(0, 4, 20)])}
                more = {"pressure_altitude_m": rng.choice(odd, 20)}
                when = t_ns + rng.choice([0, -SECOND, -(10**15), 10**17, SECOND], 20)
                tracker.step(Tick(t_ns, batch(sensor, kind, when, z, texts, more, cover(sensor, t_ns), t, sigma)))
            snapshot = tracker.snapshot()
            assert np.isfinite(snapshot.x).all()
            assert ((snapshot.existence >= 0) & (snapshot.existence <= 1)).all()
            for P in snapshot.P:
                np.linalg.cholesky(P)
    assert tracker.rejects["radar", TrackReject.NO_RANGE_OR_AZIMUTH] > 0
    assert tracker.rejects["adsb", TrackReject.FUTURE] > 0


@pytest.mark.parametrize("kind", ["plots", "reports", "one identity", "one track"])
def test_a_batch_of_a_hundred_thousand_rows_is_worked_through(kind):
    rng = np.random.default_rng(10)
    tracker, n = Tracker(site(*SENSORS)), 100_000
    for t in (1, 2):
        t_ns = T0 + t * SECOND
        if kind == "plots":
            z = np.column_stack(
                (rng.uniform(100, 5000, n), rng.uniform(0, 6.28, n), rng.uniform(0, 0.7, n), rng.uniform(-40, 40, n))
            )
            rows = batch(SENSORS[0], MeasurementKind.RADAR, t_ns, z, coverage=cover(SENSORS[0], t_ns))
        else:
            z = np.full((n, 6), np.nan)
            z[:, 0], z[:, 1] = 0.785 + rng.normal(0, 1e-3, n), 0.14 + rng.normal(0, 1e-3, n)
            names = [f"{k % 500 if kind == 'reports' else 0}" for k in range(n)]
            when = t_ns - rng.integers(0, SECOND, n)
            who = SENSORS[3 if kind == "one track" else 2]
            rows = batch(who, MeasurementKind.REPORT, when, z, texts={"identity": Labels.of(names)})
        tracker.step(Tick(t_ns, rows))
    assert np.isfinite(tracker.snapshot().x).all()


def test_warming_up_compiles_and_leaves_nothing_behind():
    warm_up()
    warm_up()


def test_a_wedge_can_be_saved_whatever_its_odds():
    one = finder(clutter_per_look=2.0)
    tracker = Tracker(site(one))
    for k in range(1, 9):
        rows, t_ns = [[0.3, np.nan], [1.0 + 0.3 * k, np.nan]], T0 + k * SECOND
        tracker.step(Tick(t_ns, batch(one, MeasurementKind.BEARING, t_ns, rows)))
        tracker.dump()
    assert any(k > 0 for k in tracker.snapshot().track_id)
