"""Sensors whose errors last: how sure a track may be, ranges by signal strength, and bearings from front or back."""

import math

import numpy as np
import pytest
from tests.unit.track.track_scenes import SECOND, T0, batch, finder, geometry, radar, shown, site, straight

from lowsky.model.measurement import MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.track import PositionKind
from lowsky.track.tracker import Tracker

DEGREE = math.radians(1.0)
ALONE = {"look_period_s": None, "clutter_per_look": 0.2}  # it delivers what it saw; silence is no look


def seen(rng, sensor, t_s, target, off=(0.0, 0.0, 0.0), sigma=(10.0, DEGREE, DEGREE)):
    """A plot that is ``off`` in range, azimuth and elevation, and noisy."""
    origin, C = geometry(sensor)
    d = C @ (target[0, :3] - origin)
    r = np.linalg.norm(d)
    z = np.array([r, math.atan2(d[0], d[1]), math.asin(d[2] / r)]) + off + rng.normal(size=3) * sigma
    t_ns = T0 + round(t_s * SECOND)
    return Tick(t_ns, batch(sensor, MeasurementKind.RADAR, t_ns, [[*z, np.nan]]))


def heard(rng, sensor, t_s, target, off=0.0, sigma=3 * DEGREE, range_m=None):
    origin, C = geometry(sensor)
    d = C @ (target[0, :3] - origin)
    t_ns = T0 + round(t_s * SECOND)
    told = {} if range_m is None else {"signal_range_m": np.array([range_m])}
    z = [[math.atan2(d[0], d[1]) + off + rng.normal(0, sigma), np.nan]]
    return Tick(t_ns, batch(sensor, MeasurementKind.BEARING, t_ns, z, attributes=told))


def holds(tracker, target):
    """Whether the nearest shown track's 95 % ellipse holds the target; None where nothing is shown."""
    snapshot = tracker.snapshot(tracker.snapshot().t_ns)
    rows = np.flatnonzero(shown(snapshot) & (snapshot.position_kind == PositionKind.POINT))
    if not len(rows):
        return None
    off = snapshot.x[rows, :2] - target[0, :2]
    near = int(np.hypot(*off.T).argmin())
    return bool(off[near] @ np.linalg.solve(snapshot.P[rows[near]][:2, :2], off[near]) < 5.991)


@pytest.mark.parametrize("share", [0.0, 0.8], ids=["not told", "told"])
def test_a_radar_that_stands_askew_is_sure_only_if_nobody_said_so(share):
    sensor = radar(sigma_azimuth_rad=2.5 * DEGREE, lasting_share=share, **ALONE)
    inside = []
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        tracker, askew = Tracker(site(sensor)), rng.normal(0, 2.2 * DEGREE)
        for k in range(1, 61):
            target = straight([-600, 1500, 100], [8, 5, 0], k)
            tracker.step(seen(rng, sensor, k, target, (0.0, askew, 0.0)))
            if k > 20:
                inside.append(holds(tracker, target))
    assert None not in inside
    assert (np.mean(inside) > 0.9) == (share > 0.0)


def test_finders_that_are_off_for_minutes_beside_a_radar_that_sees_little_are_no_surer_than_they_may_be():
    """Two finders side by side, each off by 10° that change within a minute; the radar sees a quarter of the time."""
    watch = radar(sigma_azimuth_rad=1.5 * DEGREE, **ALONE)
    finders = [
        finder(f"f{k}", (20.0 * k, 0, 5), sigma_azimuth_rad=10.5 * DEGREE, error_lasts_s=60.0, clutter_per_look=0.2)
        for k in range(2)
    ]
    inside = []
    for seed in range(8):
        rng = np.random.default_rng(200 + seed)
        tracker, off = Tracker(site(watch, *finders)), rng.normal(0, 10 * DEGREE, 2)
        keep = math.exp(-2.0 / 60.0)
        for k in range(2, 201, 2):
            target = straight([-700, 500, 60], [7, 1, 0], k)
            off = keep * off + rng.normal(0, 10 * DEGREE * math.sqrt(1 - keep**2), 2)
            if k % 80 < 20:
                tracker.step(seen(rng, watch, k, target))
            for i, sensor in enumerate(finders):
                tracker.step(heard(rng, sensor, k + 0.2 * (i + 1), target, off[i]))
            if k > 20:
                inside.append(holds(tracker, straight([-700, 500, 60], [7, 1, 0], k + 0.4)))
    given = [held for held in inside if held is not None]
    assert len(given) > 0.9 * len(inside)
    assert np.mean(given) > 0.9


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
def test_a_range_by_signal_strength_makes_a_place_as_uncertain_as_it_is(told):
    sensor = finder(sigma_range_share=0.7 if told else None, error_lasts_s=30.0, lasting_share=1.0)
    inside, places = [], 0
    for seed in range(10):
        rng = np.random.default_rng(300 + seed)
        tracker, strength = Tracker(site(sensor)), math.exp(rng.normal(0.0, 0.7))
        for k in range(2, 61, 2):
            target = straight([300, 400, 60], [4, -2, 0], k)
            far = float(np.linalg.norm(target[0, :3]))
            tracker.step(heard(rng, sensor, k, target, sigma=2 * DEGREE, range_m=far * strength))
        held = holds(tracker, target)
        places += held is not None
        inside.append(held)
    assert (places >= 9) if told else (places == 0)
    assert not told or np.mean([held for held in inside if held is not None]) >= 0.8


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
def test_a_bearing_from_the_back_is_of_the_track_in_front(rng, told):
    watch, sensor = radar(**ALONE), finder(front_back=told)
    tracker = Tracker(site(watch, sensor))
    for k in range(1, 31):
        target = straight([500, 800, 60], [5, 2, 0], k)
        tracker.step(seen(rng, watch, k, target))
        tracker.step(heard(rng, sensor, k + 0.3, target, math.pi if k > 10 else 0.0))
    assert (PositionKind.WEDGE in tracker.snapshot().position_kind.tolist()) == (not told)


def test_what_is_saved_of_lasting_errors_goes_on_as_it_was(rng):
    sensor = radar(lasting_share=0.8, error_lasts_s=5.0, **ALONE)
    tracker, again = Tracker(site(sensor)), Tracker(site(sensor))
    ticks = [seen(rng, sensor, k, straight([-600, 1500, 100], [8, 5, 0], k)) for k in range(1, 21)]
    for tick in ticks[:10]:
        tracker.step(tick)
    again.load(tracker.dump())
    for tick in ticks[10:]:
        tracker.step(tick)
        again.step(tick)
    one, other = tracker.snapshot(), again.snapshot()
    assert len(one) == 1 and np.array_equal(one.P, other.P) and tracker.dump() == again.dump()


def test_a_finder_that_is_off_for_long_hears_the_object_that_is_there_and_not_one_of_its_own():
    """Askew by 2.7 σ, beside two that are not; then one of these falls silent, and the object turns along the other's
    line, where the one that is askew says most."""
    told = {"lasting_share": 1.0, "clutter_per_look": 0.05, "detection_probability": 0.5}
    places = [(0.0, -300.0, 5.0), (900.0, 100.0, 5.0), (-900.0, 0.0, 5.0)]
    finders = [finder(f"f{k}", place, **told) for k, place in enumerate(places)]
    off, worst = [0.0, 0.0, 2.7 * 2 * DEGREE], 0.0
    rng, tracker = np.random.default_rng(7), Tracker(site(*finders))
    for k in range(1, 601):
        t_s = k / 10
        if t_s <= 30.0:
            target = straight([-60, 0, 60], [2, 0, 0], t_s)
        else:
            target = straight([0, 0, 60], [0, 8, 0], t_s - 30.0)
        heard_by = (0, 1) if t_s < 10 else (0, 1, 2) if t_s < 20 else (0, 2)
        for i in heard_by:
            tracker.step(heard(rng, finders[i], t_s + 0.01 * i, target, off[i], sigma=0.1 * DEGREE))
        snapshot = tracker.snapshot()
        rows = np.flatnonzero(shown(snapshot) & (snapshot.position_kind == PositionKind.POINT))
        if t_s > 5.0:
            worst = max(worst, np.linalg.norm(snapshot.x[rows, :2] - target[0, :2], axis=1).min(initial=np.inf))
            assert len(set(snapshot.track_id[rows].tolist())) == 1
    assert worst < 150.0  # 85 m are its own error


def test_a_range_by_strength_is_worth_more_once_a_radar_has_shown_how_strong_the_emitter_is():
    """Emitters seem nearer or farther than they are, by a factor that stays. The radar sees each for a minute; then
    only the finder hears it, while it turns and comes nearer."""
    watch = radar(**ALONE)
    sensor = finder(place=(10.0, 0.0, 5.0), sigma_range_share=1.0, error_lasts_s=3.0, lasting_share=0.8)
    off, inside = [], []
    for seed in range(5):
        rng = np.random.default_rng(400 + seed)
        tracker, seems = Tracker(site(watch, sensor)), math.exp(rng.normal(0.0, 0.9))
        for k in range(1, 181):
            target = straight([100, 900, 60], [3, 6, 0], k)
            if k <= 60:
                tracker.step(seen(rng, watch, k, target))
            else:
                target = straight([280, 1260, 60], [-1, -7, 0], k - 60)
            if k % 3 == 0:
                told_m = float(np.linalg.norm(target[0, :3])) * seems * math.exp(rng.normal(0.0, 0.4))
                tracker.step(heard(rng, sensor, k + 0.3, target, range_m=told_m))
            if k > 120:
                snapshot = tracker.snapshot(T0 + k * SECOND)
                rows = np.flatnonzero(shown(snapshot) & (snapshot.position_kind == PositionKind.POINT))
                off.append(np.linalg.norm(snapshot.x[rows, :2] - target[0, :2], axis=1).min(initial=1000.0))
                inside.append(holds(tracker, target))
    assert np.mean(off) < 450.0  # half way between what 30 runs have with and without it: 303 and 592
    given = [held for held in inside if held is not None]
    assert len(given) > 0.8 * len(inside)
    assert np.mean(given) > 0.8  # likewise: 0.94 and 0.60
