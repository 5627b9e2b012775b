"""Sensors that deliver tracks: their reports count once, their numbers are no identities and no links."""

import numpy as np
import pytest
from benchmarks.own_tracks import measure
from tests.unit.track.track_scenes import FRAME, SECOND, T0, batch, look, radar, shown, site, straight

from lowsky.engine.research import read_measurements
from lowsky.errors import ConfigError
from lowsky.model.measurement import Labels, MeasurementKind
from lowsky.model.ports import Tick
from lowsky.track.rows import TrackReject
from lowsky.track.tracker import Tracker

PANEL = radar("panel", delivers="tracks")


def report(t_s, states, numbers, sigma=(8.0, 8.0, 8.0, 3.0, 3.0, 3.0), texts=None):
    """A tick with one report of each float64[N, 6] state, as exact as they are given."""
    z = np.empty((len(states), 6))
    z[:, :3] = FRAME.geodetic(states[:, :3])
    C = FRAME.local_from_enu(z[:, 0], z[:, 1])
    z[:, 3:] = np.einsum("nab,nb->na", C, states[:, 3:])
    t_ns = T0 + round(t_s * SECOND)
    given = {"track_number": np.array(numbers, np.float64)} if numbers is not None else {}
    spread = np.tile(np.asarray(sigma, float), (len(z), 1))
    return Tick(t_ns, batch(PANEL, MeasurementKind.REPORT, t_ns, z, attributes=given, texts=texts, sigma=spread))


@pytest.mark.parametrize(("way", "least", "most"), [("tracks", 0.8, 1.25), ("naive", 3.0, 30.0)])
def test_a_delivered_track_is_believed_once_and_not_once_a_second(way, least, most):
    found = measure(way, 100, duration_s=60.0)
    assert least < found["nees"] / found["held"] < most
    assert found["held"] > 0.99 * found["objects"]


def test_a_number_is_no_identity():
    tracker = Tracker(site(PANEL))
    for t in range(1, 6):
        state = straight([500, 1500, 100], [5, 0, 0], t)
        tracker.step(report(t, state, None, texts={"identity": Labels.of(["A-17"])}))
    found = tracker.snapshot()
    assert shown(found).sum() == 1
    assert tracker.facts(int(found.track_id[0])) is None  # nothing in words is known of it


def test_numbers_that_change_places_take_no_track_along():
    tracker, rng = Tracker(site(PANEL, radar())), np.random.default_rng(1)
    ids = {}
    for t in range(1, 31):
        states = np.vstack([straight([-600, 1500, 100], [4, 0, 0], t), straight([600, 1500, 100], [-4, 0, 0], t)])
        tracker.step(look(rng, radar(), t, states, clutter=0))
        tracker.step(report(t + 0.5, states, [1, 2] if t < 20 else [2, 1]))
        found = tracker.snapshot(T0 + t * SECOND + SECOND // 2)
        if t in (18, 30):
            east = found.x[shown(found), 0]
            ids[t] = found.track_id[shown(found)][np.argsort(east)].tolist()
    assert len(ids[18]) == 2
    assert ids[18] == ids[30]


def test_a_report_that_was_only_carried_ahead_says_nothing():
    tracker = Tracker(site(PANEL))
    for t in range(1, 11):
        tracker.step(report(t, straight([500, 1500, 100], [5, 0, 0], t), [7]))
    at_ns = T0 + 12 * SECOND
    alone = tracker.copy()
    carried = report(11, straight([500, 1500, 100], [5, 0, 0], 11), [7], sigma=(13.0, 13.0, 13.0, 3.5, 3.5, 3.5))
    tracker.step(carried)
    alone.step(Tick(carried.t_ns))
    np.testing.assert_array_equal(tracker.snapshot(at_ns).P, alone.snapshot(at_ns).P)


def test_what_cannot_be_told_from_a_repetition_is_counted_and_not_used():
    tracker, state = Tracker(site(PANEL)), straight([500, 1500, 100], [5, 0, 0], 1)
    tracker.step(report(1, state, [np.nan]))
    assert tracker.rejects["panel", TrackReject.NO_TRACK_NUMBER] == 1
    assert tracker.rows_in_table == 0
    for _ in range(2):
        tracker.step(report(1, state, [4]))
    assert tracker.rejects["panel", TrackReject.COPY] == 1


def test_reports_without_velocity_are_used_every_other_time_constant():
    tracker, used = Tracker(site(PANEL)), []
    for t in range(1, 30):
        state = straight([500, 1500, 100], [5, 0, 0], t)
        tick = report(t, state, [4], sigma=(8.0,) * 6)
        tick.batch.z.flags.writeable = True
        tick.batch.z[:, 3:] = np.nan
        tracker.step(tick)
        used.append(len(tracker.associated.row) > 0)
    assert 3 <= sum(used[2:]) <= 4  # of 27 s, every 8 s


def test_our_own_tracks_are_no_measurements(tmp_path):
    columns = ["time", "track_id", "status", "existence", "latitude_deg", "longitude_deg", "height_m", "identity"]
    path = tmp_path / "tracks.csv"
    path.write_text(",".join(columns) + "\n2026-05-01T06:00:00Z,1,confirmed,0.9,45.0,8.0,100,\n")
    with pytest.raises(ConfigError):
        list(read_measurements(path, site(PANEL)))
