"""A radar that is jammed by rain, birds or its own faults: a look of 50,000 plots."""

import math

import numpy as np
import pytest

from lowsky.constants import SECOND_NS
from lowsky.model.measurement import Coverage, MeasurementBatch, MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.site import Sensor, Site
from lowsky.track.rows import TrackReject
from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

PLACE = {"latitude_rad": 0.785, "longitude_rad": 0.14, "height_m": 100.0}
RADAR = Sensor(
    id="radar", kind="radar", sigma_range_m=10.0, sigma_azimuth_rad=0.0087, sigma_elevation_rad=0.0175,
    sigma_range_rate_mps=0.5, detection_probability=0.9, clutter_per_look=20.0, look_period_s=1.0, min_range_m=100.0,
    max_range_m=15_000.0, elevation_rad=(0.0, 1.5), **PLACE,
)  # fmt: skip
N_OBJECT, N_BURST = 20, 50_000
BURSTS = {
    "everywhere": ((100.0, 15_000.0), (0.0, 2 * math.pi)),
    "in one patch": ((3000.0, 3800.0), (1.0, 1.3)),
}


def look(rng, second, burst):
    """Twenty objects flying away from the radar, seen nine times in ten, and plots of the burst around them."""
    k = np.arange(N_OBJECT)
    ranges = 2000.0 + 400.0 * k + 15.0 * second
    z = np.column_stack((ranges, 0.3 * k, 0.05 + 0.0 * k, 15.0 + 0.0 * k))[rng.random(N_OBJECT) < 0.9]
    z = z + rng.normal(size=z.shape) * [10.0, 0.0087, 0.0175, 0.5]
    z[:, 2] = np.abs(z[:, 2])
    n = 20 if burst is None else N_BURST
    (near, far), (left, right) = BURSTS["everywhere"] if burst is None else BURSTS[burst]
    u = rng.uniform
    z = np.vstack((z, np.column_stack((u(near, far, n), u(left, right, n), u(0, 0.8, n), u(-40, 40, n)))))
    t_ns = np.full(len(z), second * SECOND_NS)
    cover = Coverage(t_ns[0], t_ns[0], 100.0, 15e3, 0.0, 2 * math.pi, 0.0, 1.5)
    return Tick(
        second * SECOND_NS,
        MeasurementBatch("radar", MeasurementKind.RADAR, t_ns, t_ns.copy(), z, np.full_like(z, np.nan), coverage=cover),
    )


@pytest.mark.parametrize("burst", list(BURSTS))
def test_two_looks_of_fifty_thousand_plots_are_thinned_counted_and_survived(burst):
    # given a settled picture
    rng, tracker = np.random.default_rng(7), Tracker(Site(name="burst", sensors=(RADAR,), **PLACE))
    for second in range(1, 11):
        tracker.step(look(rng, second, None))
    before = tracker.snapshot()
    sure = set(before.track_id[before.existence > 0.9].tolist())
    assert len(sure) == N_OBJECT
    assert tracker.rejects["radar", TrackReject.THINNED] == 0
    # when two looks in a row bring 50,000 plots
    for second in (11, 12):
        tracker.step(look(rng, second, burst))
        # then the table grows by no more than a look may start, and every state stays one
        assert tracker._core.table.n <= N_OBJECT + 200 + (second - 10) * TrackerSettings().births_most
        snapshot = tracker.snapshot()
        assert ((snapshot.existence >= 0.0) & (snapshot.existence <= 1.0)).all()
        assert np.linalg.eigvalsh(snapshot.P).min() > 0.0
    # and what was left out is said: what may be an object; that the rest is clutter, the look itself shows
    assert tracker.rejects["radar", TrackReject.THINNED] > 1000
    # and after some ordinary looks the picture is what it was
    for second in range(13, 21):
        tracker.step(look(rng, second, None))
    after = tracker.snapshot()
    still = set(after.track_id[after.existence > 0.9].tolist())
    assert len(sure & still) >= N_OBJECT - 1
    assert len(still) <= N_OBJECT + 2
    assert tracker._core.table.n < 1000
