"""A node in this process: what it keeps when it ends, and how it says that it cannot record."""

import asyncio
import socket
import time

import pytest
from tests.scenarios.node.harness import Plots, feed, free_port, radar, site_text

from lowsky.clock import LiveClock
from lowsky.engine.config import parse_site
from lowsky.engine.hub import Hub
from lowsky.engine.keeper import Keeper
from lowsky.engine.node import Node, Stage
from lowsky.record.reader import open_recording

PATIENCE_S = 60.0


async def until(found):
    end = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def counts(hub):
    picture = hub.latest()
    return picture.sensors[0].counts if picture is not None else {}


def run(site_toml, folder, hub, scenario):
    """A node for as long as ``scenario`` takes."""

    async def all_of_it():
        stop = asyncio.Event()
        node = Node(parse_site(site_toml), LiveClock(), hub, Stage("live"), Keeper(folder, site_toml))
        running = asyncio.create_task(node.run(stop))
        await until(lambda: counts(hub))
        await scenario()
        stop.set()
        await running

    asyncio.run(all_of_it())


def test_what_waits_for_its_sensors_latency_is_recorded_when_the_node_ends(tmp_path):
    plots, hub = Plots("radar-1", free_port()), Hub()
    site_toml = site_text(radar("radar-1", latency_s=5.0), feed("radar-1", plots.port))

    async def scenario():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for _ in range(5):
                out.sendto(plots.message(time.time_ns()), ("127.0.0.1", plots.port))
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)

    run(site_toml, tmp_path / "r", hub, scenario)
    recording = open_recording(tmp_path / "r")
    assert sum(len(tick.batch) for tick in recording.ticks() if tick.batch is not None) == plots.rows == 10


def test_a_recording_that_fails_is_one_alert_of_one_moment(tmp_path):
    (tmp_path / "r").write_text("in the way")
    hub, alerts = Hub(), []
    hub.on_publish(lambda: alerts.append(hub.latest().alerts))
    site_toml = site_text(radar("radar-1"), feed("radar-1", free_port()))

    async def scenario():
        await until(lambda: len([1 for told in alerts if told]) > 5)

    run(site_toml, tmp_path / "r", hub, scenario)
    told = {alert for seen in alerts for alert in seen}
    assert len(told) == 1
    assert "is not a folder" in told.pop().title
    assert "is not a folder" in hub.latest().trouble


@pytest.mark.parametrize(("sensors", "is_waited_for"), [("own", False), ("all", True)])
def test_a_sensor_without_a_feed_is_waited_for_only_where_a_table_can_speak_for_it(sensors, is_waited_for):
    slow = radar("radar-2", latency_s=60.0)
    site = parse_site(site_text(radar("radar-1"), slow, feed("radar-1", free_port(), sensors=sensors)))
    hub = Hub()

    async def scenario():
        stop = asyncio.Event()
        running = asyncio.create_task(Node(site, LiveClock(), hub, Stage("live")).run(stop))
        await asyncio.sleep(1.0)
        if not is_waited_for:
            await until(hub.latest)
        assert (hub.latest() is None) == is_waited_for
        stop.set()
        await running

    asyncio.run(scenario())
