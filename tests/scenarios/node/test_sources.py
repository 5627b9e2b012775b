"""GIVEN a node with many sources WHEN one of them misbehaves THEN that one is shown so, and the others lose nothing.

One node serves all of these scenarios: what one of them left behind is what the next one meets.
"""

import random
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.fuzz.cases import feed_case, mutated
from tests.scenarios.node.harness import (
    REPEAT,
    TRACEBACK,
    Node,
    Plots,
    Server,
    Talk,
    accounted,
    feed,
    free_port,
    radar,
    receiver,
    site_text,
    wait_for,
)

pytestmark = pytest.mark.timeout(400)

HOSTILE = {  # feed -> scheme
    "asterix": "udp",
    "remote-id": "udp",
    "table": "udp",
    "beast": "tcp-listen",
    "modes-jsonl": "tcp-listen",
}
MESSAGES = 200 * REPEAT  # hostile ones for each feed
LARGEST_DATAGRAM = 65_507


@dataclass
class World:
    """The node and those who speak to it."""

    node: Node
    good: Plots
    gone: Plots  # comes over TCP
    clocks: list[Plots]  # look ten times a second: a clock is judged by its last 64 looks
    blocked: Plots
    blocker: socket.socket  # sits on the port of ``blocked``
    hostile: dict[str, int]  # feed -> port

    @contextmanager
    def good_undisturbed(self):
        """A good radar speaks all the while; afterwards every row of it has become a measurement."""
        with Talk(self.good):
            yield
        counts = wait_for(self._all_there, "the good radar's last row")
        assert set(counts) == {"records", "measurements", "held", "errors"}, counts

    def _all_there(self):
        counts = self.node.counts("good")
        return counts["records"] == self.good.rows == accounted(counts) and not counts["held"] and counts

    def is_ok(self, name):
        return lambda: self.node.status(name) == "ok"

    def condition(self, name):
        """What the page shows of a sensor: status, the words beside it, the titles of its alerts."""
        sensor = self.node.sensor(name)
        titles = [alert["title"] for alert in self.node.alerts() if alert["sensor"] == name]
        return sensor["status"], sensor["detail"], titles


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as blocker:
        blocker.bind(("127.0.0.1", 0))
        good, gone = Plots("good", free_port()), Plots("gone", free_port(socket.SOCK_STREAM))
        clocks = [Plots(name, free_port(), period_s=0.1) for name in JUMPS]
        blocked = Plots("blocked", blocker.getsockname()[1])
        hostile = {
            name: free_port(socket.SOCK_STREAM if scheme == "tcp-listen" else socket.SOCK_DGRAM)
            for name, scheme in HOSTILE.items()
        }
        site = site_text(
            *(radar(plots.sensor, look_period_s=plots.period_s) for plots in (good, *clocks, blocked, gone)),
            *(radar(name) if name in ("asterix", "table") else receiver(name) for name in HOSTILE),
            *(feed(plots.sensor, plots.port) for plots in (good, *clocks, blocked)),
            feed("gone", gone.port, "tcp"),
            feed("table", hostile["table"]),
            *(feed(name, hostile[name], HOSTILE[name], format=name) for name in HOSTILE if name != "table"),
        )
        with Node(tmp_path_factory.mktemp("node"), site) as node:
            node.wait_until_it_runs()
            yield World(node, good, gone, clocks, blocked, blocker, hostile)
            assert node.end() == 0
            assert TRACEBACK not in node.said, node.said


def test_a_port_that_another_program_uses_is_a_sensor_down_until_it_is_free(world):
    with world.good_undisturbed():
        # given a sensor whose port another program sits on
        _, detail, titles = wait_for(
            lambda: (c := world.condition("blocked"))[0] == "down" and c, "the sensor shown as down"
        )
        # then it is said once, with what to do
        assert "another program uses this port" in detail
        assert len(titles) == 1 and "blocked down" in titles[0] and "another program uses this port" in titles[0]
        assert world.node.said.count(f":{world.blocked.port}") == 1, world.node.said
        # when that program ends
        world.blocker.close()
        # then the sensor comes by itself, and the alert goes
        with Talk(world.blocked):
            wait_for(world.is_ok("blocked"), "the sensor to recover")
            assert world.condition("blocked")[2] == []
    assert accounted(counts := world.node.counts("blocked")) == counts["records"] > 0


def test_a_tcp_source_that_goes_away_is_down_and_comes_back_by_itself(world):
    with world.good_undisturbed():
        # given a source that speaks
        with Server(world.gone):
            wait_for(world.is_ok("gone"), "the source to be heard")
            # when it goes away
        # then it is down, with one alert
        wait_for(lambda: world.node.status("gone") == "down", "the sensor shown as down")
        titles = world.condition("gone")[2]
        assert len(titles) == 1 and titles[0].startswith("gone down: "), titles
        # when it returns
        with Server(world.gone):
            # then it recovers by itself, and the alert is cleared
            wait_for(world.is_ok("gone"), "the source to be heard again")
            wait_for(lambda: not world.condition("gone")[2], "the alert to be cleared")


JUMPS = {"ahead": (3.0, "FUTURE", "future"), "behind": (-3.0, "LATE", "late")}  # hours, counted as, in words


def test_sensors_whose_clocks_jump_are_degraded_and_their_rows_are_counted(world):
    node, clocks = world.node, world.clocks
    with world.good_undisturbed(), Talk(*clocks):
        # given two sensors that are well
        wait_for(lambda: all(world.is_ok(plots.sensor)() for plots in clocks), "sensors that are well")
        # when their clocks jump by hours
        for plots in clocks:
            plots.ahead_s = JUMPS[plots.sensor][0] * 3600.0
        # then their rows are refused and counted, and they are shown as degraded, with the reason
        for name, (_, reason, _) in JUMPS.items():
            wait_for(
                lambda name=name, reason=reason: node.counts(name).get(reason, 0) > 20, f"rows counted as {reason}"
            )
            wait_for(lambda name=name: node.status(name) == "degraded", f"{name} to be degraded")
        time.sleep(2.0)  # silent for more than ten looks, if refused rows were silence
        for name, (_, _, word) in JUMPS.items():
            status, detail, titles = world.condition(name)
            assert (status, len(titles)) == ("degraded", 1), (status, detail, titles)
            assert word in detail
        # when the clocks are put right
        for plots in clocks:
            plots.ahead_s = 0.0
        # then they recover, and the alerts are cleared
        wait_for(lambda: all(world.is_ok(plots.sensor)() for plots in clocks), "the sensors to recover")
        assert [world.condition(name)[2] for name in JUMPS] == [[], []]
    for name in JUMPS:
        counts = node.counts(name)
        assert accounted(counts) == counts["records"]


def hostile_messages(name, draw):
    """Mutated real messages, noise, half messages, and the largest datagrams there are."""
    case = feed_case(name)
    real = mutated(case.messages, draw.randrange(1 << 30))
    for k in range(MESSAGES):
        yield next(real)
        if k % 10 == 0:
            yield draw.randbytes(draw.randrange(1500))
            whole = draw.choice(case.messages)
            yield whole[: draw.randrange(len(whole))]
        if k % 100 == 0:
            yield draw.randbytes(LARGEST_DATAGRAM)
            yield (draw.choice(case.messages) * LARGEST_DATAGRAM)[:LARGEST_DATAGRAM]
            yield b'{"time":' * (LARGEST_DATAGRAM // 8)


def test_hostile_bytes_into_every_feed_are_counted_and_cost_nobody_else_a_row(world):
    # given bytes that mean harm
    draw = random.Random(20261120)
    streams = {name: socket.create_connection(("127.0.0.1", port)) for name, port in world.hostile.items()
               if HOSTILE[name] == "tcp-listen"}  # fmt: skip
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sources = {name: hostile_messages(name, draw) for name in HOSTILE}
    # when they come into all feeds at once, beside a good radar
    with world.good_undisturbed(), datagrams:
        while sources:
            for name in list(sources):
                message = next(sources[name], None)
                if message is None:
                    del sources[name]
                elif name in streams:
                    streams[name].sendall(message)
                else:
                    datagrams.sendto(message, ("127.0.0.1", world.hostile[name]))
            time.sleep(0.002)
        for stream in streams.values():
            stream.close()
        # then the node lives, and every record of every hostile source is accounted for
        wait_for(lambda: all(world.node.status(name) == "down" for name in streams), "the senders to be gone")
    for name in HOSTILE:
        counts = world.node.counts(name)
        assert counts["records"] >= MESSAGES // 3, (name, counts)
        assert accounted(counts) == counts["records"], (name, counts)
        assert sum(counts.get(reason, 0) for reason in ("MALFORMED", "UNSUPPORTED", "TRUNCATED", "BAD_CHECKSUM")) > 0
    assert TRACEBACK not in world.node.said, world.node.said
