"""Connections: opened, shared, lost, found again; broken bytes counted; bugs not hidden."""

import asyncio
import contextlib
import itertools
import logging
import socket
import struct
import sys
from importlib.metadata import EntryPoint

import msgspec
import pytest
from tests import needs

from lowsky.clock import LiveClock, PacedClock
from lowsky.errors import ConfigError, DecodeError, Fault, InvariantError, TransportError
from lowsky.feeds import _template, player, registry
from lowsky.feeds.plan import plan
from lowsky.feeds.retry import Retry
from lowsky.feeds.supervisor import run
from lowsky.feeds.transport import tcp, udp
from lowsky.feeds.transport.source import parse_source
from lowsky.feeds.transport.udp import open_socket
from lowsky.model.ports import Normalised
from lowsky.model.site import Feed, Sensor, Site

QUICK = Retry(first_s=0.02, most_s=0.05)
PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def template(monkeypatch):
    entry = EntryPoint("template", "lowsky.feeds._template", registry.GROUP)
    monkeypatch.setattr(registry, "_entries", lambda: {"template": entry})


def free_port(kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def line(t=1790000000.0, lat=60.1):
    return f"{t} {lat} 24.9\n".encode()


def site(*sources, sensors=None):
    names = sensors or [f"rx{k}" for k in range(len(sources))]
    unique = dict.fromkeys(names)
    return Site(
        name="t", latitude_rad=1.0, longitude_rad=0.4, height_m=0.0,
        sensors=tuple(
            Sensor(id=n, kind="cooperative", latitude_rad=1.0, longitude_rad=0.4, height_m=0.0) for n in unique
        ),
        feeds=tuple(Feed(sensor=n, format="template", source=s) for n, s in zip(names, sources)),
    )  # fmt: skip


class Node:
    """A supervisor running in the background, and what it says."""

    def __init__(self, where, clock=None, **options):
        self.site, self.clock = where, clock or LiveClock()
        self.results, self.reports, self.saved = [], [], []
        self.stop = asyncio.Event()
        self.options = {"retry": QUICK, **options}
        self.deliver = lambda index, result, t_ns: self.results.append((index, result, t_ns))

    async def __aenter__(self):
        self.task = asyncio.create_task(
            run(
                self.site, plan(self.site), self.clock, lambda *a: self.deliver(*a), self.stop,
                report=self.reports.append, save=self.save, **self.options,
            )
        )  # fmt: skip
        return self

    def save(self, payload):
        self.saved.append(payload)
        return f"saved-{len(self.saved)}"

    async def __aexit__(self, *_):
        self.stop.set()
        await asyncio.wait_for(self.task, PATIENCE_S)

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.005)

    def rows(self, index=0):
        return sum(len(b) for i, result, _ in self.results if i == index for b in result.batches)

    def rejects(self, index=0):
        return sum(result.rejected.total() for i, result, _ in self.results if i == index)

    def connected(self, sensor="rx0"):
        said = [report.connected for report in self.reports if report.sensor == sensor]
        return bool(said) and said[-1]


def send(port, *payloads, host="127.0.0.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        for payload in payloads:
            sender.sendto(payload, (host, port))


def test_datagrams_arrive_with_the_time_of_the_clock_and_broken_ones_are_counted():
    async def scene():
        port = free_port()
        async with Node(site(f"udp://127.0.0.1:{port}"), clock=PacedClock(5_000_000_000)) as node:
            await node.until(node.connected)
            send(port, line(), b"no line end", b"", line() + b"nonsense\n")
            await node.until(lambda: len(node.results) == 4)
            assert node.rows() == 2
            assert node.rejects() == 3
            assert all(5_000_000_000 <= t < 30_000_000_000 for _, _, t in node.results)
            await node.until(lambda: node.reports[-1].counts["records"] == 5)

    asyncio.run(scene())


def test_two_feeds_on_one_source_share_the_socket_and_see_every_datagram():
    async def scene():
        port = free_port()
        async with Node(site(*[f"udp://127.0.0.1:{port}"] * 2)) as node:
            await node.until(lambda: node.connected("rx0") and node.connected("rx1"))
            send(port, line())
            await node.until(lambda: node.rows(0) == 1 and node.rows(1) == 1)

    asyncio.run(scene())


def test_a_multicast_group_is_joined_on_the_interface_given():
    async def scene():
        port = free_port()
        source = f"udp://239.255.77.1:{port}?interface=127.0.0.1"
        async with Node(site(source)) as node:
            await node.until(node.connected)
            send(port, line(), host="239.255.77.1")
            await node.until(lambda: node.rows() == 1)

    asyncio.run(scene())


def test_a_port_in_use_is_said_once_with_what_to_do_and_taken_when_it_is_free(caplog):
    async def scene():
        port = free_port()
        blocker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        blocker.bind(("127.0.0.1", port))
        with caplog.at_level(logging.INFO, "lowsky.feeds"):
            async with Node(site(f"udp://127.0.0.1:{port}")) as node:
                await node.until(lambda: node.reports)
                await asyncio.sleep(0.3)  # several attempts fail
                assert "another program uses this port" in node.reports[0].detail
                assert len(node.reports) == 1
                blocker.close()
                await node.until(node.connected)
                send(port, line())
                await node.until(lambda: node.rows() == 1)
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]

    asyncio.run(scene())


def has_ipv6_loopback():
    if "lo" not in [name for _, name in socket.if_nameindex()]:
        return False
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


def test_a_group_of_ipv6_is_joined_and_joined_again_on_the_interface_named():
    needs.machine(has_ipv6_loopback(), "has no IPv6 on an interface named lo")
    source, _ = parse_source(f"udp://[ff01::77]:{free_port()}?interface=lo")
    with open_socket(source) as opened:
        assert opened.getsockname()[:2] == (source.host, source.port)
        udp.rejoin(opened, source)


def test_an_interface_that_is_not_there_is_a_transport_error():
    for text in ("udp://239.1.2.3:39103?interface=192.0.2.9", "udp://[ff02::1]:39104?interface=nix0"):
        source, _ = parse_source(text)
        with pytest.raises(TransportError, match=r"no such network interface|no interface with this name"):
            open_socket(source)


def test_an_address_this_machine_lacks_is_a_transport_error_with_advice():
    source, _ = parse_source("udp://192.0.2.1:9")
    with pytest.raises(TransportError, match="this machine has no such address"):
        open_socket(source)


async def serve(port, connections):
    """A sender that other programs connect to; what it is to send comes out of ``connections``."""

    async def one(reader, writer):
        connections.append(writer)
        with contextlib.suppress(ConnectionError):
            await reader.read()

    return await asyncio.start_server(one, "127.0.0.1", port)


def test_a_server_that_goes_away_and_returns_is_connected_again_by_itself():
    async def scene():
        port, connections = free_port(socket.SOCK_STREAM), []
        async with Node(site(f"tcp://127.0.0.1:{port}")) as node:
            await node.until(lambda: node.reports)
            assert "nothing listens there" in node.reports[0].detail
            for round_ in (1, 2):
                server = await serve(port, connections)
                await node.until(node.connected)
                await node.until(lambda round_=round_: len(connections) == round_)
                connections[-1].write(line()[:5])
                await asyncio.sleep(0.02)
                connections[-1].write(line()[5:] + b"half a mess")
                await node.until(lambda round_=round_: node.rows() == round_)
                server.close()
                connections[-1].close()
                await node.until(lambda: not node.connected())
            assert node.rejects() == 2  # what was half sent when the connection ended
            assert "closed the connection" in [r for r in node.reports if not r.connected][1].detail

    asyncio.run(scene())


def test_half_a_message_before_a_reset_is_counted():
    async def scene():
        port, connections = free_port(socket.SOCK_STREAM), []
        server = await serve(port, connections)
        async with Node(site(f"tcp://127.0.0.1:{port}")) as node:
            await node.until(lambda: connections)
            connections[0].write(line() + b"half a mess")
            await node.until(lambda: node.rows() == 1)
            never_linger = struct.pack("ii", 1, 0)
            connections[0].get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, never_linger)
            connections[0].transport.abort()
            await node.until(lambda: any("reset" in report.detail for report in node.reports))
            assert node.rejects() == 1
        server.close()

    asyncio.run(scene())


def test_senders_that_connect_to_us_do_not_spoil_each_other_and_are_bounded():
    async def scene():
        port = free_port(socket.SOCK_STREAM)
        async with Node(site(f"tcp-listen://127.0.0.1:{port}?clients=2")) as node:
            await node.until(lambda: node.reports)
            assert node.reports[0].detail == "no sender is connected"
            first = await asyncio.open_connection("127.0.0.1", port)
            second = await asyncio.open_connection("127.0.0.1", port)
            await node.until(node.connected)
            first[1].write(line()[:7])
            second[1].write(line())
            await node.until(lambda: node.rows() == 1)
            first[1].write(line()[7:])
            await node.until(lambda: node.rows() == 2)
            third = await asyncio.open_connection("127.0.0.1", port)
            assert await asyncio.wait_for(third[0].read(), PATIENCE_S) == b""
            await node.until(lambda: node.reports[-1].counts["errors"] == 1)
            for _, writer in (first, second, third):
                writer.close()
            await node.until(lambda: not node.connected())

    asyncio.run(scene())


def test_a_new_sender_takes_the_place_of_the_one_that_has_been_silent_longest(monkeypatch, caplog):
    monkeypatch.setattr(tcp, "SILENT_S", 0.3)

    async def scene():
        port = free_port(socket.SOCK_STREAM)
        async with Node(site(f"tcp-listen://127.0.0.1:{port}?clients=2")) as node:
            await node.until(lambda: node.reports)
            idle = await asyncio.open_connection("127.0.0.1", port)
            idle[1].write(line()[:7])  # no whole message
            speaker = await asyncio.open_connection("127.0.0.1", port)
            for said in range(1, 9):
                await asyncio.sleep(0.05)
                speaker[1].write(line())
                await node.until(lambda said=said: node.rows() == said)
            new = await asyncio.open_connection("127.0.0.1", port)
            new[1].write(line())
            await node.until(lambda: node.rows() == 9)
            # the idle one is closed, what it had begun is counted, and so is that it was replaced
            assert await asyncio.wait_for(idle[0].read(), PATIENCE_S) == b""
            await node.until(lambda: node.rejects() == 1 and node.reports[-1].counts["errors"] == 1)
            speaker[1].write(line())
            await node.until(lambda: node.rows() == 10)
            assert node.connected()
            for _, writer in (idle, speaker, new):
                writer.close()
            await node.until(lambda: not node.connected())

    asyncio.run(scene())
    assert sum("gave its place to a new sender" in record.getMessage() for record in caplog.records) == 1


def test_a_stream_without_messages_is_dropped_counted_and_read_on():
    async def scene():
        port = free_port(socket.SOCK_STREAM)
        async with Node(site(f"tcp-listen://127.0.0.1:{port}")) as node:
            await node.until(lambda: node.reports)
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"x" * 1_200_000)
            await writer.drain()
            await node.until(lambda: node.rejects() >= 1)
            writer.write(b"\n" + line())
            await node.until(lambda: node.rows() == 1)
            writer.close()

    asyncio.run(scene())


def test_a_flood_on_one_port_does_not_keep_the_other_from_being_heard():
    async def scene():
        loud, quiet = free_port(), free_port()
        async with Node(site(f"udp://127.0.0.1:{loud}", f"udp://127.0.0.1:{quiet}")) as node:
            await node.until(lambda: node.connected("rx0") and node.connected("rx1"))
            send(loud, *[line() * 20] * 2000)
            send(quiet, line())
            await node.until(lambda: node.rows(1) == 1)
            before = sum(1 for index, _, _ in node.results if index == 0)
            await node.until(lambda: sum(1 for index, _, _ in node.results if index == 0) > before)

    asyncio.run(scene())


def test_datagrams_the_operating_system_drops_are_counted_and_the_sensor_is_degraded(monkeypatch):
    needs.machine(sys.platform == "linux", "does not say how many datagrams it dropped: only Linux does")
    monkeypatch.setattr(udp, "RECEIVE_BUFFER_BYTES", 4096)

    async def scene():
        port = free_port()
        async with Node(site(f"udp://127.0.0.1:{port}")) as node:
            await node.until(node.connected)
            send(port, *[line() * 20] * 100)
            await node.until(lambda: node.results)
            send(port, line())
            await node.until(lambda: node.reports[-1].counts.get("lost_datagrams", 0) > 0)
            assert node.reports[-1].degraded == "datagrams are lost: more comes than can be read"

    asyncio.run(scene())


async def fed_once(node, port):
    async with node:
        await node.until(node.connected)
        send(port, line())
        await node.until(lambda: False)


def test_a_feed_that_raises_ends_the_run_and_the_bytes_are_kept(monkeypatch):
    def broken(config, sensor, where):
        def normaliser(frame):
            raise KeyError("oh")

        return normaliser

    monkeypatch.setattr(_template, "open_feed", broken)

    async def scene():
        port = free_port()
        node = Node(site(f"udp://127.0.0.1:{port}"))
        with pytest.raises(InvariantError, match="raised KeyError: 'oh'") as caught:
            await fed_once(node, port)
        assert (node.saved, caught.value.batch_ref) == ([line()], "saved-1")
        assert isinstance(caught.value.__cause__, KeyError)

    asyncio.run(scene())


def test_of_two_feeds_on_one_socket_the_one_that_raises_is_named(monkeypatch):
    entries = {name: EntryPoint(name, "lowsky.feeds._template", registry.GROUP) for name in ("template", "other")}
    monkeypatch.setattr(registry, "_entries", lambda: entries)
    good = _template.open_feed

    def normaliser(frame):
        raise KeyError("oh")

    monkeypatch.setattr(_template, "open_feed", lambda *a: normaliser if a[1].id == "rx1" else good(*a))

    async def scene():
        port = free_port()
        both = site(*[f"udp://127.0.0.1:{port}"] * 2)
        first, second = both.feeds
        both = msgspec.structs.replace(both, feeds=(first, msgspec.structs.replace(second, format="other")))
        with pytest.raises(InvariantError, match="feed other from udp"):
            await fed_once(Node(both), port)

    asyncio.run(scene())


def test_a_feed_that_loses_records_ends_the_run(monkeypatch):
    monkeypatch.setattr(_template, "open_feed", lambda *_: lambda frame: Normalised((), records=2, held=1))

    async def scene():
        port = free_port()
        with pytest.raises(InvariantError, match="1 records are neither measured, rejected nor held"):
            await fed_once(Node(site(f"udp://127.0.0.1:{port}")), port)

    asyncio.run(scene())


def test_what_a_feed_holds_back_stays_held_when_the_next_message_cannot_be_decoded(monkeypatch):
    def normaliser(frame):
        if frame.payload == b"bad":
            raise DecodeError("bad", 0, frame.payload)
        return Normalised((), records=1, held=1)

    monkeypatch.setattr(_template, "open_feed", lambda *_: normaliser)

    async def scene():
        port = free_port()
        async with Node(site(f"udp://127.0.0.1:{port}")) as node:
            await node.until(node.connected)
            send(port, b"first half", b"bad")
            await node.until(lambda: len(node.results) == 2)
        assert [(r.held, r.rejected.total()) for _, r, _ in node.results] == [(1, 0), (1, 1)]

    asyncio.run(scene())


def test_a_second_program_cannot_take_the_datagrams_of_the_first():
    source, _ = parse_source(f"udp://127.0.0.1:{free_port()}")
    with open_socket(source), pytest.raises(TransportError, match="another program uses this port"):
        open_socket(source)


def test_a_file_that_fails_in_the_middle_is_not_played_twice(monkeypatch):
    def read_file(*_):
        yield Normalised((), records=0)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(_template, "read_file", read_file)
    monkeypatch.setattr(player, "AHEAD_RESULTS", 1)

    async def scene():
        async with Node(site("file:lines.txt")) as node:
            await node.until(lambda: node.reports and "Input/output error" in node.reports[-1].detail)
            await asyncio.sleep(0.2)
        assert len(node.results) == 1

    asyncio.run(scene())


def test_a_file_that_is_not_what_the_feed_reads_is_said_and_the_others_go_on(monkeypatch):
    def read_file(*_):
        raise ConfigError([Fault("lines.txt", "no column time", "one"), Fault("lines.txt", "a column tim", "none")])
        yield

    monkeypatch.setattr(_template, "read_file", read_file)

    async def scene():
        port = free_port()
        async with Node(site("file:lines.txt", f"udp://127.0.0.1:{port}")) as node:
            told = "cannot read file:lines.txt: lines.txt: found no column time; expected one; lines.txt: found"
            await node.until(lambda: any(told in report.detail for report in node.reports))
            await node.until(lambda: node.connected("rx1"))
            send(port, line())
            await node.until(lambda: node.rows(1) == 1)

    asyncio.run(scene())


def test_a_recorded_file_is_played_at_the_pace_of_the_clock_with_its_times_moved_to_now(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes(line(1e9) + line(1e9 + 2.0) + b"cut")

    async def scene():
        start_ns = 1_790_000_000_000_000_000
        async with Node(site(f"file:{path}"), clock=PacedClock(start_ns, speed=20.0)) as node:
            await node.until(lambda: node.rows() == 2)
            await node.until(lambda: node.reports and node.reports[-1].ended)
            assert node.reports[-1].detail == f"file:{path} has ended"
        first, second = (r.batches[0] for _, r, _ in node.results if r.batches)
        assert second.t_meas_ns[0] - first.t_meas_ns[0] == 2_000_000_000
        assert first.t_meas_ns[0] >= start_ns
        assert node.rejects() == 1
        assert not node.connected()

    asyncio.run(scene())


def test_of_two_feeds_that_play_one_file_each_ends_for_itself(monkeypatch, tmp_path):
    good = _template.read_file

    def read_file(path, config, sensor, *rest):
        return itertools.islice(good(path, config, sensor, *rest), 1 if sensor.id == "rx0" else None)

    monkeypatch.setattr(_template, "read_file", read_file)

    path = tmp_path / "lines.txt"
    path.write_bytes(line(1e9) + line(1e9 + 1000.0))

    async def scene():
        async with Node(site(*[f"file:{path}"] * 2)) as node:
            await node.until(lambda: any(report.ended for report in node.reports))
            ended = len(node.reports)
            await node.until(lambda: {r.sensor for r in node.reports[ended:]} == {"rx0", "rx1"})
            assert not node.connected("rx0")
            assert node.connected("rx1")
            assert {report.sensor for report in node.reports if report.ended} == {"rx0"}

    asyncio.run(scene())


def test_a_recorded_file_that_is_not_there_is_said_and_played_when_it_comes(tmp_path):
    path = tmp_path / "lines.txt"

    async def scene():
        async with Node(site(f"file:{path}?times=recorded")) as node:
            await node.until(lambda: node.reports)
            assert "No such file" in node.reports[0].detail
            path.write_bytes(line(1e9))
            await node.until(lambda: node.rows() == 1)
        assert node.results[0][1].batches[0].t_meas_ns[0] == 10**18

    asyncio.run(scene())


def test_a_sensor_with_two_sources_is_connected_while_one_of_them_is():
    async def scene():
        port, dead = free_port(), free_port(socket.SOCK_STREAM)
        where = site(f"udp://127.0.0.1:{port}", f"tcp://127.0.0.1:{dead}", sensors=["rx0", "rx0"])
        async with Node(where) as node:
            await node.until(lambda: node.connected() and "nothing listens" in node.reports[-1].detail)

    asyncio.run(scene())


def test_a_sensor_with_two_files_has_ended_when_both_have(tmp_path):
    short, long = tmp_path / "short has ended", tmp_path / "long"
    short.write_bytes(line(1e9))
    long.write_bytes(line(1e9) + line(1e9 + 30.0))

    async def scene():
        two = site(f"file:{short}", f"file:{long}", sensors=["rx0", "rx0"])
        async with Node(two, clock=PacedClock(1_790_000_000_000_000_000, speed=20.0)) as node:
            await node.until(lambda: any("has ended" in report.detail for report in node.reports))
            assert not node.reports[-1].ended
            await node.until(lambda: node.reports[-1].ended)
            assert node.rows(0) == 1
            assert node.rows(1) == 2

    asyncio.run(scene())


def test_a_source_that_cannot_be_read_has_not_ended_whatever_its_name(tmp_path):
    async def scene():
        async with Node(site(f"file:{tmp_path}/this has ended")) as node:
            await node.until(lambda: node.reports and "cannot read" in node.reports[-1].detail)
            assert not any(report.ended for report in node.reports)

    asyncio.run(scene())
