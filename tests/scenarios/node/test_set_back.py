"""GIVEN a node that watches WHEN its clock is set back by an hour THEN it says so once and goes on watching."""

import asyncio
import time

import pytest

import lowsky.track
from lowsky.engine.config import parse_site
from lowsky.engine.hub import Hub
from lowsky.engine.keeper import Keeper
from lowsky.engine.node import Node, Stage
from lowsky.engine.pipeline import SET_BACK_NS, Pipeline
from lowsky.engine.player import events_of
from lowsky.model.events import AlertCleared, AlertRaised, TimeSetBack
from lowsky.model.ports import OperatorAction, Tick
from lowsky.record.reader import open_recording
from tests.parity.stream import Digest
from tests.scenarios.node.harness import PATIENCE_S, PLACE, Plots, feed, free_port, radar, site_text, table

pytestmark = pytest.mark.timeout(400)
HOUR_NS = 3_600_000_000_000
ZONE = table("[[zone]]", id="harbour", shape="circle", radius_m=5000.0, **{
    key: PLACE[key] for key in ("latitude_deg", "longitude_deg")})  # fmt: skip
RULE = table("[[rule]]", id="inside", priority="high", zones=["harbour"], existence=0.5)


class Clock:
    """The system's, which somebody sets."""

    offset_ns = 0

    def now_ns(self):
        return time.time_ns() + self.offset_ns


async def until(found):
    end = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def live(site_toml, folder, plots):
    """A drone in a zone before and after; the number of its track and what is told, before and after."""
    clock, stop, hub, digest, told = Clock(), asyncio.Event(), Hub(), Digest(), []
    node = Node(parse_site(site_toml), clock, hub, Stage("live"), Keeper(folder, site_toml))
    step = node._step

    def watched(tick):
        events = step(tick)
        digest.step(tick, events, node._pipeline)
        told.extend(events)
        return events

    node._step = watched
    running = asyncio.create_task(node.run(stop))
    out, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", plots.port)
    )

    async def talking():
        while not stop.is_set():
            out.sendto(plots.message(clock.now_ns()))
            await asyncio.sleep(plots.period_s)
        out.close()

    def raised(n):
        return [e for e in told if isinstance(e, AlertRaised) and e.title.startswith("inside")][n:]

    speaking = asyncio.create_task(talking())
    await until(lambda: raised(0))
    first = hub.latest()
    clock.offset_ns = -HOUR_NS
    await until(lambda: raised(1))
    await until(lambda: hub.latest().snapshot.t_ns < first.snapshot.t_ns and len(hub.latest().snapshot))
    second = hub.latest()
    stop.set()
    await asyncio.gather(speaking, running)
    return digest, told, first, second


def test_a_live_node_says_it_once_and_a_drone_in_a_zone_is_told_again(tmp_path):
    lowsky.track.warm_up()
    plots = Plots("radar-1", free_port(), drones=((1500.0, 40.0),))
    site_toml = site_text(radar("radar-1"), feed("radar-1", plots.port), ZONE, RULE)
    was, told, first, second = asyncio.run(live(site_toml, tmp_path / "r", plots))
    (back,) = [event for event in told if isinstance(event, TimeSetBack)]
    assert back.by_s == pytest.approx(3600.0, abs=PATIENCE_S)
    titles = [event.title for event in told if isinstance(event, AlertRaised)]
    assert len([title for title in titles if "set back" in title]) == 1
    assert sum(isinstance(event, AlertCleared) for event in told) >= 2, (
        "of the tracks that are gone, and of the message"
    )
    assert not set(first.snapshot.track_id.tolist()) & set(second.snapshot.track_id.tolist()), "no number twice"
    assert first.epoch != second.epoch, "pages begin anew"
    # and a replay says the same
    again, recording = Digest(), open_recording(tmp_path / "r")
    for tick, events, pipeline in events_of(recording, parse_site(recording.site_toml)):
        again.step(tick, events, pipeline)
    assert (again.hex, again.ticks, again.events) == (was.hex, was.ticks, was.events)


def test_a_saved_node_that_starts_with_a_clock_that_was_set_back_goes_on_and_knows_what_people_did(tmp_path):
    site_toml, t_ns = site_text(radar("radar-1"), ZONE, RULE), 1_790_000_000 * 10**9
    site, folder = parse_site(site_toml), tmp_path / "r"
    keeper = Keeper(folder, site_toml)
    pipeline = Pipeline(site)
    for k in range(40):
        tick = Tick(t_ns + k * 250_000_000)
        keeper.put(tick)
        pipeline.step(tick)
    keeper.close(pipeline)
    keeper = Keeper(folder, site_toml)
    restored = keeper.restored_pipeline(site)
    assert restored.t_ns == pipeline.t_ns
    events = restored.step(Tick(t_ns - HOUR_NS))
    assert isinstance(events[0], TimeSetBack) and restored.t_ns == t_ns - HOUR_NS
    (alert,) = restored.alerts
    assert alert.state == "cleared-unacknowledged" and "3,610 s" in alert.title
    action = OperatorAction(key="k" * 8, t_ns=0, what="acknowledge", alert_id=alert.id, user="Kim")
    restored.step(Tick(restored.t_ns, None, (), (action,)))
    assert restored.alerts == () and restored.figures().acknowledged == 1
    keeper.close(restored)


def test_a_step_back_of_seconds_is_late_data_and_no_new_beginning():
    pipeline = Pipeline(parse_site(site_text(radar("radar-1"))))
    t_ns = 1_790_000_000 * 10**9
    pipeline.step(Tick(t_ns))
    assert pipeline.step(Tick(t_ns - SET_BACK_NS)) == [] and pipeline.t_ns == t_ns
