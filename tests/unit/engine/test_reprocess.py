"""Late measurements: what is settled, what is shown, what is told, what is saved."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.parity.stream import Digest
from tests.unit.engine.late_scenes import S, deliver, scene

from lowsky.engine import reprocess
from lowsky.engine.pipeline import Pipeline
from lowsky.model.events import TrackDropped, TracksMerged, TrackStarted
from lowsky.model.ports import Tick

TEN_S = 10 * S


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("late")


@pytest.fixture(scope="module")
def in_order(folder):
    site, batches = scene(folder)
    _, settled, _ = deliver(site, batches, [0] * len(batches))
    assert len(settled) >= 10
    assert len(settled[-1][2]) >= 15, "a picture of hardly any tracks shows nothing"
    return settled


def drawn(batches, seed, share=0.3, most_ns=TEN_S):
    rng = np.random.default_rng(seed)
    return [int(rng.integers(0, most_ns)) if rng.random() < share else 0 for _ in batches]


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.sampled_from([0.05, 0.5, 1.0]))
def test_the_settled_picture_is_the_same_to_the_bit_whatever_came_late(folder, in_order, seed, share):
    site, batches = scene(folder)
    pipeline, settled, _ = deliver(site, batches, drawn(batches, seed, share))
    assert settled == in_order
    assert pipeline.reprocessing.rows_too_old == 0


@pytest.mark.parametrize("work", [0.0, 3.0])
def test_a_second_line_that_takes_its_time_comes_to_the_same_settled_picture(folder, in_order, work, monkeypatch):
    monkeypatch.setattr(reprocess, "WORK_PER_TICK", work)
    site, batches = scene(folder)
    pipeline, settled, _ = deliver(site, batches, drawn(batches, 5))
    assert settled == in_order
    assert pipeline.reprocessing.replays > 5


def test_a_link_that_stood_still_for_eight_seconds_gives_the_picture_of_the_others_in_the_end(folder, in_order):
    """GIVEN a radar whose link stands still WHEN all comes at once THEN it is one replay, and all is as in time."""
    site, batches = scene(folder)
    start_ns = batches[0].t_ns
    stalled = [b.sensor == "radar-2" and 4 * S <= b.t_ns - start_ns < 12 * S for b in batches]
    delays = [start_ns + 12 * S - b.t_ns if still else 0 for b, still in zip(batches, stalled, strict=True)]
    pipeline, settled, _ = deliver(site, batches, delays)
    assert settled == in_order
    assert pipeline.reprocessing.replays == 1


def test_nothing_is_told_twice_and_a_number_is_started_before_anything_else_is_told_of_it(folder):
    site, batches = scene(folder)
    for seed in (1,):
        _, _, events = deliver(site, batches, drawn(batches, seed, 0.5))
        alive = set()
        for event in events:
            if isinstance(event, TrackStarted):
                assert event.track_id not in alive
                alive.add(event.track_id)
            elif isinstance(event, TracksMerged):
                alive.remove(event.merged_track_id)
            elif hasattr(event, "track_id") and event.track_id is not None:
                assert event.track_id in alive
                if isinstance(event, TrackDropped):
                    alive.remove(event.track_id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))


def test_a_shown_track_keeps_its_number_through_every_replay(folder):
    """A number is one object's: where it stands moves by no more than late measurements may correct."""
    site, batches = scene(folder)
    last, jumps, shown = {}, [], set()

    def watch(tick, _, pipeline):
        tracks = pipeline.snapshot(pipeline.t_ns)
        assert list(tracks.track_id) == sorted(set(tracks.track_id.tolist()))
        for k in np.flatnonzero((tracks.status == 2) & (tracks.existence > 0.99)).tolist():
            track_id, place = int(tracks.track_id[k]), tracks.x[k, :3]
            shown.add(track_id)
            if track_id in last:
                jumps.append(float(np.linalg.norm(place - last[track_id][1])))
                name = last[track_id][0]
                assert name is None or tracks.identity[k] in (None, name)
            last[track_id] = (tracks.identity[k], place)

    pipeline, _, _ = deliver(site, batches, drawn(batches, 3, 0.3), watch)
    assert pipeline.reprocessing.replays > 10
    assert max(jumps) < 200.0, "two objects of this scene are hundreds of metres apart"
    assert len(shown) < 40, "twenty objects, two radars that disagree by their biases"


def test_what_a_late_batch_tells_is_in_the_picture_with_the_next_tick_of_time(folder):
    site, batches = scene(folder)
    first = [b for b in batches if b.sensor == "radar-1"]
    late_ones = [b for b in batches if b.sensor == "remote-id-1"]
    start = first[0].t_ns // S * S
    pipeline = Pipeline(site)
    for k in range(8):
        for quarter in range(4):
            pipeline.step(Tick(start + k * S + quarter * S // 4))
    for batch in late_ones[:20]:
        pipeline.step(Tick(start + 7 * S + 3 * S // 4, batch))
    assert not any(pipeline.snapshot().identity)
    events = pipeline.step(Tick(start + 8 * S))
    named = {name for name in pipeline.snapshot().identity if name}
    assert len(named) >= 6
    assert {e.track_id for e in events if isinstance(e, TrackStarted)} == set(pipeline.snapshot().track_id.tolist())
    assert pipeline.reprocessing.replays == 1


def test_what_is_older_than_the_buffer_is_counted_and_changes_nothing(folder):
    site, batches = scene(folder)
    pipeline, other = Pipeline(site), Pipeline(site)
    t_ns = batches[0].t_ns
    for k in range(200):
        for one in (pipeline, other):
            one.step(Tick((t_ns // S + 1) * S + k * S // 4))
    events = pipeline.step(Tick((t_ns // S + 1) * S + 199 * S // 4, batches[0]))
    assert pipeline.reprocessing.rows_too_old == len(batches[0])
    assert events == []
    assert len(pipeline.snapshot()) == len(other.snapshot()) == 0


@pytest.mark.parametrize("work", [reprocess.WORK_PER_TICK, 0.0])
def test_saved_and_loaded_at_any_tick_it_goes_on_byte_for_byte(folder, work, monkeypatch):
    """Also in the middle of a second line, and with late batches that wait for one."""
    monkeypatch.setattr(reprocess, "WORK_PER_TICK", work)
    site, batches = scene(folder)
    delays = drawn(batches, 8, 0.4)
    ticks = []
    straight = Digest()
    pipeline, _, _ = deliver(site, batches, delays, lambda t, e, p: (ticks.append(t), straight.step(t, e, p)))
    again, broken = Pipeline(site, tells_settled=True), Digest()
    for k, tick in enumerate(ticks):
        if k % 29 == 28:
            saved = again.dump()
            again = Pipeline(site, tells_settled=True)
            again.load(saved)
            assert again.dump() == saved
        events = again.step(tick)
        again.settled()
        broken.step(tick, events, again)
    assert broken.hex == straight.hex
    again.settled(is_end=True)
    assert again.reprocessing == pipeline.reprocessing


def test_what_is_kept_does_not_grow(folder):
    site, batches = scene(folder)
    objects = reprocess.Reprocessor(site, buffer_s=3.0)
    most = 0
    start = batches[0].t_ns // S * S
    for k in range(4 * 60):
        objects.step(Tick(start + k * S // 4))
        most = max(most, len(objects._log), len(objects._marks))
    assert most <= 4 * 5
