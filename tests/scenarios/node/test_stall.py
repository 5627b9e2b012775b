"""GIVEN two good radars WHEN the node is held up for a moment THEN what arrived meanwhile is not called late."""

import asyncio
import socket
import time

from lowsky.clock import LiveClock
from lowsky.engine.config import parse_site
from lowsky.engine.hub import Hub
from lowsky.engine.node import Node, Stage
from tests.scenarios.node.harness import Plots, accounted, feed, free_port, radar, site_text

STALL_S = 0.5  # of five times the radars' latency


def test_rows_that_wait_in_the_kernel_while_the_node_is_held_up_are_not_late():
    plots = [Plots(name, free_port()) for name in ("one", "two")]
    site = parse_site(site_text(*(radar(p.sensor) for p in plots), *(feed(p.sensor, p.port) for p in plots)))
    hub = Hub()

    def hold_up(out):
        for source in plots:
            out.sendto(source.message(time.time_ns()), ("127.0.0.1", source.port))
        time.sleep(STALL_S)  # the loop stands still, as it does behind a large message

    async def scenario():
        stop = asyncio.Event()
        running = asyncio.create_task(Node(site, LiveClock(), hub, Stage("live")).run(stop))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not (picture := hub.latest()) or not all(sensor.counts for sensor in picture.sensors):
                await asyncio.sleep(0.05)
            for _ in range(6):
                hold_up(out)
                await asyncio.sleep(0.05)
            end = time.monotonic() + 30.0
            while {s.counts["records"] for s in hub.latest().sensors} != {plots[0].rows} and time.monotonic() < end:
                await asyncio.sleep(0.05)
        stop.set()
        await running

    asyncio.run(scenario())
    for sensor in hub.latest().sensors:
        assert sensor.counts["records"] == accounted(sensor.counts) == plots[0].rows
        assert "LATE" not in sensor.counts, sensor.counts
