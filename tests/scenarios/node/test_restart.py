"""GIVEN the folder of an earlier run WHEN the site file or the saved state has changed THEN a node starts all the same.

In this process: what is restored is a matter of the folder, not of sockets.
"""

import asyncio
from dataclasses import replace

import pytest

from lowsky.align.funnel import Funnel
from lowsky.align.settings import LIVE
from lowsky.clock import LiveClock
from lowsky.engine import keeper as keeper_module
from lowsky.engine.config import parse_site
from lowsky.engine.hub import Hub
from lowsky.engine.keeper import NAME, Keeper
from lowsky.engine.node import Node, Stage
from lowsky.engine.pipeline import Pipeline
from lowsky.errors import InvariantError
from lowsky.feeds.table import Config, open_feed
from lowsky.model.ports import Frame, Tick
from lowsky.record.reader import open_recording
from lowsky.wire.columns import decode_tick
from tests.scenarios.node.harness import Plots, Reports, feed, free_port, radar, receiver, site_text


@pytest.fixture(autouse=True)
def nothing_is_compacted(monkeypatch):
    monkeypatch.setattr(keeper_module, "COMPACT_AT_END_S", 0.0)


START_NS = 1_790_000_000_000_000_000
MS = 1_000_000
FEEDS = feed("radar-1", 4001), feed("adsb-1", 4002)
SITE = site_text(radar("radar-1"), receiver("adsb-1"), *FEEDS)


def ticks_of(site, seconds):
    """What a node with two drones and two aircraft records."""
    funnel = Funnel(site, LIVE, start_ns=START_NS)
    plots, reports = Plots("radar-1", 0), replace(Reports("adsb-1", 0))
    reports.since_ns = START_NS
    normalisers = {s.id: open_feed(Config(complete="frame"), s, site) for s in site.sensors}
    for k in range(seconds * 4):
        now_ns = START_NS + k * 250 * MS
        for source in (plots, reports):
            result = normalisers[source.sensor](Frame(now_ns + MS, source.message(now_ns)))
            funnel.offer(result, source.sensor, 0, now_ns + MS)
        yield from funnel.release(now_ns + 2 * MS)


def recorded(folder, seconds=12):
    """The folder of a node that ran and ended; its last pipeline."""
    site = parse_site(SITE)
    keeper, pipeline = Keeper(folder, SITE), Pipeline(site)
    for tick in ticks_of(site, seconds):
        keeper.put(tick)
        pipeline.step(tick)
        keeper.checkpoint(tick, pipeline)
    keeper.close(pipeline)
    return pipeline


def restored(folder, site_toml):
    keeper = Keeper(folder, site_toml)
    pipeline = keeper.restored_pipeline(parse_site(site_toml))
    keeper.close(pipeline)
    return pipeline


@pytest.mark.parametrize(
    "changed",
    [
        site_text(radar("radar-1"), FEEDS[0]),
        site_text(receiver("adsb-1"), FEEDS[1]),
        site_text(radar("another"), feed("another", 4003)),
        site_text(receiver("adsb-1"), radar("radar-1"), *FEEDS),
        site_text(receiver("radar-1"), radar("adsb-1"), *FEEDS),
    ],
    ids=["one-taken-out", "the-other", "all-new", "order", "kinds-swapped"],
)
def test_a_start_with_other_sensors_gives_no_number_twice(tmp_path, changed):
    before = recorded(tmp_path / "r")
    numbers = set(before.snapshot().track_id.tolist())
    pipeline = restored(tmp_path / "r", changed)
    assert len(numbers) == 4
    assert numbers.isdisjoint(pipeline.snapshot().track_id.tolist())
    assert pipeline.next_track_id > max(numbers)


def test_a_start_with_the_same_sensors_goes_on_exactly(tmp_path):
    before = recorded(tmp_path / "r")
    assert restored(tmp_path / "r", SITE).dump() == before.dump()
    assert restored(tmp_path / "r", SITE.replace("Scenario", "Renamed")).dump() == before.dump()


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, "half", "bit"])
def test_a_damaged_saved_state_is_left_and_the_picture_comes_from_the_recording(tmp_path, damage):
    before = recorded(tmp_path / "r")
    path = tmp_path / "r" / NAME
    saved = bytearray(path.read_bytes())
    if damage == "half":
        del saved[len(saved) // 2 :]
    elif damage == "bit":
        saved[len(saved) // 2] ^= 1
    else:
        saved[:] = damage
    path.write_bytes(saved)
    assert restored(tmp_path / "r", SITE).dump() == before.dump()  # the whole run lies in its last minute


def test_numbers_go_on_above_a_hole_and_a_replay_agrees(tmp_path):
    # given a node that was down for a while
    before = recorded(tmp_path / "r")
    shown = before.next_track_id - 1
    pipeline, site = restored(tmp_path / "r", SITE), parse_site(SITE)
    # when it sees the world again
    later = [replace(tick, t_ns=tick.t_ns + 90_000 * MS) for tick in ticks_of(site, 1) if tick.batch is None]
    for tick in later:
        pipeline.step(tick)
    # then numbers that nobody could record are spared, and whoever replays both spares the same
    assert pipeline.next_track_id > shown + 500
    replay = Pipeline(site)
    for tick in [*ticks_of(site, 12), *later]:
        replay.step(tick)
    assert replay.dump() == pipeline.dump()


class Boom(RuntimeError):
    pass


def break_steps(monkeypatch, is_bad):
    """From now on a pipeline fails, half-stepped, on the ticks that ``is_bad``."""
    whole = Pipeline.step

    def step(self, tick):
        if is_bad(tick):
            self.t_ns, self._seq = tick.t_ns + 7, self._seq + 1
            raise Boom("our bug")
        return whole(self, tick)

    monkeypatch.setattr(Pipeline, "step", step)


def crashed(folder, seconds=3):
    """The folder of a node that was killed before its last tick was in a saved state; that tick, and the pipeline."""
    site = parse_site(SITE)
    keeper, pipeline = Keeper(folder, SITE), Pipeline(site)
    *before, last = ticks_of(site, seconds)
    for tick in before:
        keeper.put(tick)
        pipeline.step(tick)
        keeper.checkpoint(tick, pipeline)
    keeper.put(last)
    keeper.close(None)
    return last, pipeline


def test_a_recorded_tick_on_which_a_step_fails_does_not_stop_the_start(tmp_path, monkeypatch, caplog):
    # given a recording whose last tick shows a bug of ours
    monkeypatch.chdir(tmp_path)
    last, before = crashed(tmp_path / "r")
    break_steps(monkeypatch, lambda tick: tick.t_ns == last.t_ns)
    # when the node starts
    keeper, site = Keeper(tmp_path / "r", SITE), parse_site(SITE)
    pipeline = keeper.restored_pipeline(site)
    # then it says so in one line, the tick is kept, and it goes on empty, above all numbers
    [said] = [record.getMessage() for record in caplog.records]
    [kept] = tmp_path.glob("lowsky-bug-*.bin")
    assert "our bug" in said and str(kept) in said and "\n" not in said
    assert decode_tick(kept.read_bytes()).t_ns == last.t_ns
    assert len(pipeline.snapshot()) == 0
    assert pipeline.next_track_id > before.next_track_id > 4
    # and no later start meets that tick again, although the node is killed soon after
    for k in range(1, 3):
        keeper.put(tick := Tick(last.t_ns + k * 250 * MS))
        pipeline.step(tick)
        keeper.checkpoint(tick, pipeline)
    caplog.clear()
    keeper.close(None)
    assert restored(tmp_path / "r", SITE).dump() == pipeline.dump()
    assert caplog.records == []


def test_a_saved_state_that_does_not_load_does_not_stop_the_start(tmp_path, monkeypatch, caplog):
    before = recorded(tmp_path / "r")

    def load(self, saved):
        self._seq = 10**6
        raise Boom("half loaded")

    monkeypatch.setattr(Pipeline, "load", load)
    pipeline = restored(tmp_path / "r", SITE)
    assert ["half loaded" in record.getMessage() for record in caplog.records] == [True]
    assert pipeline.next_track_id > before.next_track_id
    assert len(pipeline.snapshot()) == 4  # of the last minute


def test_a_half_stepped_pipeline_is_not_saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    site_toml = site_text(radar("radar-1"), feed("radar-1", free_port()))
    folder, steps = tmp_path / "r", []

    def third(tick):
        steps.append(tick)
        return len(steps) == 3

    async def scenario():
        node = Node(parse_site(site_toml), LiveClock(), Hub(), Stage("live"), Keeper(folder, site_toml))
        break_steps(monkeypatch, third)
        await node.run(asyncio.Event())

    with pytest.raises(InvariantError, match="our bug"):
        asyncio.run(scenario())
    assert len(list(open_recording(folder).ticks())) >= 3
    pipeline, saved = Pipeline(parse_site(site_toml)), Keeper(folder, site_toml)
    state = saved._read_checkpoint()
    saved.close(None)
    if state is not None:  # of an earlier step
        pipeline.load(state.pipeline)
        assert pipeline.t_ns in [tick.t_ns for tick in steps[:2]]


@pytest.mark.parametrize("form", ["growing", "compacted"])
def test_no_tick_is_applied_twice_where_the_clock_was_set_back(tmp_path, monkeypatch, form):
    # given a node whose clock was set back by six seconds, and that was killed five seconds after
    if form == "compacted":
        monkeypatch.setattr(keeper_module, "COMPACT_AT_END_S", 30.0)
    monkeypatch.setattr(keeper_module, "CHECKPOINT_EVERY_NS", -(10**12))  # at each tick
    site, folder = parse_site(SITE), tmp_path / "r"
    first = list(ticks_of(site, 10))
    back = [Tick(tick.t_ns - 6_000 * MS) for tick in first if tick.batch is None and tick.t_ns > first[-1].t_ns - 5e9]
    for run, unsaved in ((first, 5), (back, 3)):
        keeper = Keeper(folder, SITE)
        pipeline = keeper.restored_pipeline(site)
        for k, tick in enumerate(run):
            keeper.put(tick)
            pipeline.step(tick)
            if k == len(run) - unsaved:
                keeper.checkpoint(tick, pipeline)
        keeper.close(None)
    assert len(list(folder.glob("*.parquet"))) == (2 if form == "compacted" else 0)
    # when it is started, then every tick was applied once
    assert restored(folder, SITE).dump() == pipeline.dump()
