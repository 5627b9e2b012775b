"""What the tracker holds possible can be asked for, and asking changes nothing."""

import numpy as np
import pytest
from tests.unit.track.track_scenes import SECOND, T0, look, radar, site, straight

from lowsky.track.tracker import Tracker


def test_hypotheses_are_the_shown_tracks_and_the_candidates_and_asking_changes_nothing(rng):
    sensor = radar(clutter_per_look=15.0)
    tracker = Tracker(site(sensor))
    for t in range(1, 9):
        tracker.step(look(rng, sensor, t, straight([1000, 1500, 100], [5, -8, 0], t)))
    before = tracker.dump()
    at_ns = T0 + 10 * SECOND
    found, shown = tracker.hypotheses(at_ns), tracker.snapshot(at_ns)
    assert tracker.dump() == before
    named = found.track_id > 0
    assert sorted(found.track_id[named].tolist()) == shown.track_id.tolist()
    assert (~named).sum() > 5
    order = np.argsort(found.track_id[named])
    assert found.x[named][order] == pytest.approx(shown.x)
    assert found.existence[named][order] == pytest.approx(shown.existence)
    assert found.existence[~named].max() < found.existence[named].max()


def test_an_empty_tracker_holds_nothing_possible():
    assert len(Tracker(site(radar())).hypotheses(T0).existence) == 0
