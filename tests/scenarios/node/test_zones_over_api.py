"""GIVEN zones that were put over the API WHEN the node is killed, changed or replayed THEN they are still watched."""

import asyncio
import json
import math
import urllib.request

import pytest

from lowsky.clock import LiveClock
from lowsky.engine.config import parse_site
from lowsky.engine.hub import Hub
from lowsky.engine.keeper import Keeper
from lowsky.engine.node import Node as Engine
from lowsky.engine.node import Stage
from lowsky.engine.pipeline import Pipeline
from lowsky.engine.player import Player, events_of
from lowsky.model.events import AlertRaised, ZonePut, ZoneRemoved
from lowsky.model.ports import OperatorAction, Tick
from lowsky.model.zone import Zone
from lowsky.record.reader import open_recording
from tests.parity.stream import Digest
from tests.scenarios.node.harness import (
    PATIENCE_S,
    PLACE,
    Node,
    Plots,
    feed,
    free_port,
    radar,
    site_text,
    table,
    wait_for,
)

pytestmark = pytest.mark.timeout(400)
RULE = table("[[rule]]", id="at the fair", priority="high", zones=["api"], existence=0.5, on_s=0.0)
HERE = (math.radians(PLACE["latitude_deg"]), math.radians(PLACE["longitude_deg"]))
S = 1_000_000_000
T0 = 1_790_000_000 * S


def circle(name, radius_m):
    return Zone(id=f"api/{name}", shape="circle", corners=(HERE,), reach_m=radius_m)


def putting(name, radius_m=5000.0):
    zone = circle(name, radius_m)
    return OperatorAction(
        key=f"put-{name}-{radius_m}", t_ns=0, what="put-zone", user="Kim", zone_id=name, zone=zone
    )  # fmt: skip


def removing(name):
    return OperatorAction(key=f"remove-{name}", t_ns=0, what="remove-zone", user="Lee", zone_id=name)


def ids(site):
    return [zone.id for zone in site.zones]


# ---------------------------------------------------------------- over HTTP, killed


def ask(node, method, path, body=None):
    request = urllib.request.Request(
        node.address + path, None if body is None else json.dumps(body).encode(), method=method
    )
    request.add_header("content-type", "application/geo+json")
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def on_map(node):
    return [zone["id"] for zone in node.get("api/zones")["features"]]


def test_a_zone_that_was_answered_as_recorded_is_there_after_a_kill_and_what_was_taken_away_is_not(tmp_path):
    place = {"type": "Point", "coordinates": [PLACE["longitude_deg"], PLACE["latitude_deg"]]}
    fair = {"type": "Feature", "geometry": place, "properties": {"radius_m": 700, "ceiling_height_m": 300}}
    site = site_text(radar("radar-1"), feed("radar-1", free_port()), RULE)
    with Node(tmp_path, site, tmp_path / "r") as node:
        node.wait_until_it_runs()
        told = ask(node, "PUT", "api/zones/fair?user=Kim", fair)
        assert told["recorded"] and told["notes"] == [] and told["zone"]["properties"]["rules"] == ["at the fair"]
        ask(node, "PUT", "api/zones/fete?user=Kim", fair)
        assert ask(node, "DELETE", "api/zones/fete?user=Lee")["recorded"]
        assert wait_for(lambda: on_map(node) == ["api/fair"], "the one zone on the map")
        shown = node.get("api/zones")["features"]
        node.kill()
    with Node(tmp_path, site, tmp_path / "r") as node:
        node.wait_until_it_runs()
        assert node.get("api/zones")["features"] == shown


# ---------------------------------------------------------------- live equals replay


async def live(site_toml, folder, plots):
    """Two drones under a radar, a zone that is put around them, another that comes and goes."""
    digest, stop, hub = Digest(), asyncio.Event(), Hub()
    node = Engine(parse_site(site_toml), LiveClock(), hub, Stage("live"), Keeper(folder, site_toml))
    step = node._step

    def watched(tick):
        events = step(tick)
        digest.step(tick, events, node._pipeline)
        return events

    node._step = watched
    running = asyncio.create_task(node.run(stop))
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    async def talking():
        out, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("127.0.0.1", plots.port))
        while not ended.is_set():
            out.sendto(plots.message(LiveClock().now_ns()))
            await asyncio.sleep(plots.period_s)
        out.close()

    speaking = asyncio.create_task(talking())
    for action in (putting("fete", 50.0), putting("fair"), removing("fete")):
        outcome = await asyncio.wrap_future(node.act(action))
        assert outcome.is_recorded and not outcome.refused
    end = loop.time() + PATIENCE_S
    while not any(alert.rule for alert in (hub.latest().alerts if hub.latest() else ())):
        assert loop.time() < end
        await asyncio.sleep(0.1)
    ended.set()
    await speaking
    stop.set()
    await running
    return digest


def test_a_replay_gives_the_same_alerts_of_zones_that_were_put(tmp_path):
    plots = Plots("radar-1", free_port())
    site_toml, folder = site_text(radar("radar-1"), feed("radar-1", plots.port), RULE), tmp_path / "r"
    was = asyncio.run(live(site_toml, folder, plots))
    recording, again, events = open_recording(folder), Digest(), []
    for tick, told, pipeline in events_of(recording, parse_site(recording.site_toml)):
        again.step(tick, told, pipeline)
        events += told
    assert (again.hex, again.ticks, again.events) == (was.hex, was.ticks, was.events)
    assert [event.zone_id for event in events if isinstance(event, ZonePut)] == ["api/fete", "api/fair"]
    assert [event.user for event in events if isinstance(event, ZoneRemoved)] == ["Lee"]
    assert any(isinstance(event, AlertRaised) and "api/fair" in event.title for event in events)


# ---------------------------------------------------------------- no saved state, or another's


def recorded(folder, site_toml, seconds=300):
    """A recording of nothing but time, in which a zone was put and another taken away long before its end."""
    keeper, site = Keeper(folder, site_toml), parse_site(site_toml)
    pipeline = Pipeline(site)
    acts = {8: (putting("fete"),), 12: (putting("fair"),), 16: (removing("fete"),), 4 * 250: (putting("late"),)}
    for k in range(4 * seconds):
        for tick in (Tick(T0 + k * S // 4), *([Tick(T0 + k * S // 4, None, (), acts[k])] if k in acts else [])):
            keeper.put(tick)
            pipeline.step(tick)
    keeper.close(pipeline)
    return pipeline


@pytest.mark.parametrize("form", ["finished", "growing"])
def test_zones_outlive_a_start_without_a_saved_state_and_one_with_another_site_file(tmp_path, form, monkeypatch):
    monkeypatch.setattr("lowsky.engine.keeper.COMPACT_AT_END_S", 0.0 if form == "growing" else 120.0)
    site_toml, folder = site_text(radar("radar-1"), RULE), tmp_path / "r"
    recorded(folder, site_toml)
    assert any(folder.glob("*.parquet" if form == "finished" else "*.sqlite"))
    (folder / "checkpoint.bin").unlink()
    changed = site_text(radar("radar-1", max_range_m=4000.0), RULE)
    for text in (site_toml, changed):
        keeper = Keeper(folder, text)
        pipeline = keeper.restored_pipeline(parse_site(text))
        keeper.close(pipeline)
        assert ids(pipeline.site) == ["api/fair", "api/late"]


def test_a_zone_that_was_taken_over_into_the_site_file_is_of_the_site_file(tmp_path):
    folder, moved = tmp_path / "r", table("[[zone]]", id="fair", shape="circle", radius_m=9.0, **{
        key: PLACE[key] for key in ("latitude_deg", "longitude_deg")})  # fmt: skip
    recorded(folder, site_text(radar("radar-1"), RULE))
    text = site_text(radar("radar-1"), moved, RULE)
    keeper = Keeper(folder, text)
    pipeline = keeper.restored_pipeline(parse_site(text))
    keeper.close(pipeline)
    assert ids(pipeline.site) == ["fair", "api/late"]


def test_a_replay_that_jumps_shows_the_zones_of_that_moment(tmp_path):
    site_toml, folder, hub = site_text(radar("radar-1"), RULE), tmp_path / "r", Hub()
    recorded(folder, site_toml)
    player = Player(open_recording(folder), parse_site(site_toml), hub, speed=None)
    for at_s, found in ((200, ["api/fair"]), (3, ["api/fete"]), (290, ["api/fair", "api/late"])):
        shown = {}
        publish = hub.publish
        hub.publish = lambda picture, shown=shown: shown.setdefault("first", picture)
        player._play(T0 + at_s * S)
        hub.publish = publish
        assert ids(shown["first"].site) == found
