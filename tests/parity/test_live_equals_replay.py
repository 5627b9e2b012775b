"""GIVEN a live node that records WHEN its recording is replayed THEN every event and picture is the same."""

import asyncio
import json
import socket
import time

import numpy as np
import pytest

from lowsky.clock import LiveClock
from lowsky.engine.config import parse_site
from lowsky.engine.hub import Hub
from lowsky.engine.keeper import Keeper
from lowsky.engine.node import Node, Stage
from lowsky.engine.player import events_of
from lowsky.record.reader import open_recording
from tests.parity.stream import Digest

SITE = """
[site]
name = "Live"
latitude_deg = 37.45
longitude_deg = 126.60
height_m = 30.0

[[sensor]]
id = "radar-1"
kind = "radar"
latitude_deg = 37.451
longitude_deg = 126.601
height_m = 42.0
sigma_range_m = 5.0
sigma_azimuth_deg = 0.3
sigma_elevation_deg = 0.5
look_period_s = 0.2
clutter_per_look = 2.0
max_range_m = 5000.0

[[sensor]]
id = "adsb-1"
kind = "cooperative"
latitude_deg = 37.45
longitude_deg = 126.60
height_m = 30.0

[[feed]]
sensor = "radar-1"
format = "table"
source = "udp://127.0.0.1:{radar}"

[[feed]]
sensor = "adsb-1"
format = "table"
source = "udp://127.0.0.1:{adsb}"
"""


def free_ports(n):
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


async def talk(ports, seconds, rng):
    """Two drones under the radar, an aeroplane that reports, some nonsense between."""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for look in range(int(seconds / 0.2)):
        now = time.time_ns()
        stamp = np.datetime_as_string(np.datetime64(now, "ns")) + "Z"
        lines = []
        for k in range(2):
            r, az = 2000.0 + 300 * k - 3.0 * look, 40.0 + 60 * k + rng.normal(0, 0.3)
            lines.append({"time": stamp, "sensor": "radar-1", "look": look, "range_m": r + rng.normal(0, 5),
                          "azimuth_deg": az, "elevation_deg": 4.0 + rng.normal(0, 0.5)})  # fmt: skip
        out.sendto("".join(json.dumps(line) + "\n" for line in lines).encode(), ("127.0.0.1", ports[0]))
        report = {"time": stamp, "sensor": "adsb-1", "latitude_deg": 37.40 + 0.0004 * look, "longitude_deg": 126.7,
                  "height_m": 900.0, "north_mps": 222.0, "east_mps": 0.0, "identity": "abc123"}  # fmt: skip
        out.sendto((json.dumps(report) + "\n").encode(), ("127.0.0.1", ports[1]))
        if look % 5 == 0:
            out.sendto(b'{"time": "nonsense"\n', ("127.0.0.1", ports[look % 2]))
        await asyncio.sleep(0.2)
    out.close()


async def live(site_toml, folder, ports, seconds, rng):
    live_digest = Digest()
    site = parse_site(site_toml)
    keeper = Keeper(folder, site_toml)
    stop = asyncio.Event()
    node = Node(site, LiveClock(), Hub(), Stage("live"), keeper)
    step = node._step  # nobody is told of the picture after each step

    def watched(tick):
        events = step(tick)
        live_digest.step(tick, events, node._pipeline)
        return events

    node._step = watched
    running = asyncio.create_task(node.run(stop))
    await asyncio.sleep(0.3)
    await talk(ports, seconds, rng)
    await asyncio.sleep(0.5)
    stop.set()
    await running
    return live_digest


@pytest.mark.timeout(120)
def test_a_replay_gives_the_live_runs_events_and_pictures_byte_for_byte(tmp_path, rng):
    ports = free_ports(2)
    site_toml = SITE.format(radar=ports[0], adsb=ports[1])
    folder = tmp_path / "recording"
    was = asyncio.run(live(site_toml, folder, ports, 5.0, rng))
    recording = open_recording(folder)
    again = Digest()
    for tick, events, pipeline in events_of(recording, parse_site(recording.site_toml)):
        again.step(tick, events, pipeline)
    assert was.events > 5
    assert (again.hex, again.ticks, again.events) == (was.hex, was.ticks, was.events)


@pytest.mark.timeout(120)
def test_a_second_start_goes_on_where_the_first_ended_and_the_replay_spans_both(tmp_path, rng):
    ports = free_ports(2)
    site_toml = SITE.format(radar=ports[0], adsb=ports[1])
    folder = tmp_path / "recording"
    site = parse_site(site_toml)
    asyncio.run(live(site_toml, folder, ports, 3.0, rng))
    restored = Keeper(folder, site_toml)
    before = restored.restored_pipeline(site)
    restored.close(before)
    *_, (_, _, whole) = events_of(open_recording(folder), site)
    assert before.dump() == whole.dump()
    assert before.next_track_id > 2
