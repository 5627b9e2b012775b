"""Claims against what a radar sees: true ones are confirmed, false ones are found, and the radar's own tracks stay."""

import numpy as np
import pytest
from tests.unit.track.track_scenes import SECOND, T0, look, radar, receiver, reports, site, straight

from lowsky.model.events import ClaimConsistent, ClaimContradicted
from lowsky.model.measurement import Labels
from lowsky.model.track import IdentityState
from lowsky.track.tracker import Tracker

RADAR, RECEIVER = radar(clutter_per_look=3.0), receiver(sigma_position_m=5.0)
STARTS = {
    "a": ([900, 300, 150], [9, 4, 0]), "b": ([-600, 900, 180], [-6, 8, 0]), "c": ([300, -1000, 160], [8, -5, 0]),
    "d": ([-900, -500, 170], [-4, -9, 0]), "x": ([500, 1200, 170], [10, -4, 0]),
}  # fmt: skip
FIRST_S, LAST_S = 50, 75


def states(names, t_s):
    return np.vstack([np.empty((0, 6)), *(straight(*STARTS[name], t_s - FIRST_S) for name in names)])


def lied(said, t_s):
    """What x says from ``FIRST_S`` on in place of its state float64[6]; None: nothing."""
    return said(states("x", t_s)[0], t_s) if t_s >= FIRST_S else None


def ticks(rng, said, seen="abcdx", honest="abcd", name="x", until_s=LAST_S):
    """A second's look and reports, one after the other."""
    for t_s in range(1, until_s):
        yield look(rng, RADAR, t_s, states(seen, t_s), p_detect=0.95)
        told, names = states(honest, t_s + 0.4), list(honest)
        if (claim := lied(said, t_s + 0.4)) is not None:
            told, names = np.vstack((told, claim)), [*names, name]
        if names:
            yield reports(rng, RECEIVER, t_s + 0.4, told, names, sigma=5.0)


def track(stream, sensors=(RADAR, RECEIVER)):
    """The tracker after all ticks, and its events of claims as (seconds, identity, kind, cause)."""
    tracker, told = Tracker(site(*sensors)), []
    for tick in stream:
        for event in tracker.step(tick):
            if isinstance(event, ClaimConsistent | ClaimContradicted):
                told.append(((event.t_event_ns - T0) / SECOND, event.identity, type(event), event.cause))
    return tracker, told


def by_name(tracker, name):
    tracks = tracker.snapshot()
    return tracks, tracks.identity.index(name)


def place_of(tracker, x):
    """The nameless track within 40 m of a state, by number; 0: none."""
    tracks = tracker.snapshot()
    far = np.linalg.norm(tracks.x[:, :2] - x[:2], axis=1)
    near = [k for k in np.argsort(far) if tracks.identity[k] is None and far[k] < 40.0]
    return int(tracks.track_id[near[0]]) if near else 0


def away(east, north, up=0.0):
    return lambda x, t_s: x + np.array([east, north, up, 0, 0, 0])


def test_true_claims_that_a_radar_sees_are_consistent_and_stay_so(rng):
    _, told = track(ticks(rng, away(0, 0)))
    assert {name for _, name, kind, _ in told if kind is ClaimConsistent} == set("abcdx")
    assert not [event for event in told if event[2] is ClaimContradicted]


@pytest.mark.parametrize("offset", [(150, 0), (-120, 100), (0, -400)])
def test_a_place_that_is_off_is_contradicted_in_seconds_and_the_radars_track_goes_on_without_a_name(rng, offset):
    tracker, told = track(ticks(rng, away(*offset)))
    flagged = [(t_s, name, cause) for t_s, name, kind, cause in told if kind is ClaimContradicted]
    assert [name for _, name, _ in flagged] == ["x"]
    assert flagged[0][0] - FIRST_S < 6.0
    assert "radar" in flagged[0][2]
    there = states("x", LAST_S - 0.6)[0]
    tracks, k = by_name(tracker, "x")
    assert np.linalg.norm(tracks.x[k, :2] - there[:2] - offset) < 30.0
    assert tracks.identity_state[k] == IdentityState.CONTRADICTED
    body = place_of(tracker, there)
    assert body
    assert tracks.identity_state[tracks.track_id.tolist().index(body)] == IdentityState.NONE


def test_who_begins_to_lie_in_flight_leaves_his_number_to_what_the_radar_sees(rng):
    def said(x, t_s):
        return x + np.array([180.0, 0, 0, 0, 0, 0]) * (t_s > FIRST_S + 12)

    tracker, stream = Tracker(site(RADAR, RECEIVER)), ticks(rng, said)
    number = 0
    for tick in stream:
        tracker.step(tick)
        if tick.t_ns == T0 + round((FIRST_S + 10.4) * SECOND):
            tracks, k = by_name(tracker, "x")
            number = int(tracks.track_id[k])
            assert tracks.identity_state[k] == IdentityState.CONSISTENT
    assert place_of(tracker, states("x", LAST_S - 0.6)[0]) == number
    tracks, k = by_name(tracker, "x")
    assert tracks.identity_state[k] == IdentityState.CONTRADICTED


def test_who_tells_the_truth_again_is_consistent_again_and_one_track(rng):
    def said(x, t_s):
        return x + np.array([180.0, 0, 0, 0, 0, 0]) * (FIRST_S + 5 < t_s < FIRST_S + 20)

    tracker, told = track(ticks(rng, said, until_s=FIRST_S + 60))
    assert [kind for _, name, kind, _ in told if name == "x"] == [ClaimConsistent, ClaimContradicted, ClaimConsistent]
    assert not place_of(tracker, states("x", FIRST_S + 58.4)[0])


def test_two_transmitters_with_one_name_are_both_contradicted(rng):
    def stream():
        for tick in ticks(rng, away(0, 0), name="x"):
            yield tick
            if tick.batch.sensor == RECEIVER.id and tick.t_ns > T0 + (FIRST_S + 5) * SECOND:
                t_s = (tick.t_ns - T0) / SECOND + 0.3
                yield reports(rng, RECEIVER, t_s, straight([-1500, -1200, 100], [5, 5, 0], t_s - FIRST_S), ["x"], 5.0)

    tracker, told = track(stream())
    flagged = {name: cause for _, name, kind, cause in told if kind is ClaimContradicted}
    assert set(flagged) == {"x", "x (2)"}
    assert all("two places at once" in cause and "km apart" in cause for cause in flagged.values())
    tracks, k = by_name(tracker, "x")
    assert np.linalg.norm(tracks.x[k, :2] - states("x", LAST_S - 0.6)[0, :2]) < 30.0  # what is seen keeps its place


def test_a_recording_that_is_played_again_is_contradicted_without_any_sensor_that_sees():
    stream, kept = [], []
    for t_s in range(1, 45):
        tick = reports(np.random.default_rng(t_s), RECEIVER, t_s, straight([500, 0, 100], [9, 3, 0], t_s), ["x"], 5.0)
        kept.append(tick.batch.z)
        stream.append(tick)
    played = []
    for k, z in enumerate(kept[10:40]):
        t_ns = T0 + (50 + k) * SECOND
        tick = reports(np.random.default_rng(1), RECEIVER, 50 + k, straight([0, 0, 0], [0, 0, 0], 0), ["x"], 5.0)
        batch = type(tick.batch)(tick.batch.sensor, tick.batch.kind, np.array([t_ns]), np.array([t_ns]), z,
                                 np.full_like(z, np.nan), texts={"identity": Labels.of(["x"])})  # fmt: skip
        played.append(type(tick)(t_ns, batch))
    _, before = track(stream, (RECEIVER,))
    _, told = track([*stream, *played], (RECEIVER,))
    assert before == []
    assert [(name, kind) for _, name, kind, _ in told] == [("x", ClaimContradicted)]
    assert "repeat" in told[0][3]


def test_without_a_sensor_that_sees_a_claim_stays_unconfirmed(rng):
    tracker, told = track((t for t in ticks(rng, away(0, 0)) if t.batch.sensor == RECEIVER.id), (RECEIVER,))
    assert told == []
    tracks, k = by_name(tracker, "x")
    assert tracks.identity_state[k] == IdentityState.UNCONFIRMED


def test_one_claim_against_a_radar_that_nobody_was_compared_with_is_not_contradicted_by_its_errors(rng):
    """200 m off, or is the radar 3 ° askew? Nobody can know."""
    tracker, told = track(ticks(rng, away(90, 60), seen="x", honest=""))
    assert [event for event in told if event[2] is ClaimContradicted] == []
    tracks, k = by_name(tracker, "x")
    reason = tracks.texts["identity_reason"][k]
    assert reason is None or "not known" in reason


def test_a_height_far_from_what_the_radar_measures_is_contradicted(rng):
    _, told = track(ticks(rng, away(0, 0, 420)))
    flagged = [(name, cause) for _, name, kind, cause in told if kind is ClaimContradicted]
    assert [name for name, _ in flagged] == ["x"]


def test_a_saved_tracker_goes_on_judging_as_it_would_have(rng):
    stream = list(ticks(rng, away(150, 0)))
    whole, first = Tracker(site(RADAR, RECEIVER)), Tracker(site(RADAR, RECEIVER))
    for tick in stream[: 2 * FIRST_S]:
        first.step(tick)
    second = Tracker(site(RADAR, RECEIVER))
    second.load(first.dump())
    events = [e for tick in stream for e in whole.step(tick)]
    again = [e for tick in stream[2 * FIRST_S :] for e in second.step(tick)]
    assert again == events[len(events) - len(again) :]
    assert any(isinstance(e, ClaimContradicted) for e in again)
    assert second.dump() == whole.dump()
