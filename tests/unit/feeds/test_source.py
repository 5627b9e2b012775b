"""The ``source`` of a feed is read strictly."""

import pytest

from lowsky.feeds.transport.source import Source, parse_source


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("udp://0.0.0.0:8600", Source("udp", "0.0.0.0", 8600)),
        ("udp://localhost:8600", Source("udp", "localhost", 8600)),
        ("udp://239.1.1.1:8600", Source("udp", "239.1.1.1", 8600)),
        ("udp://239.1.1.1:8600?interface=127.0.0.1", Source("udp", "239.1.1.1", 8600, interface="127.0.0.1")),
        ("udp://[ff02::1]:8600?interface=eth0", Source("udp", "ff02::1", 8600, interface="eth0")),
        ("tcp://receiver.example.org:30005", Source("tcp", "receiver.example.org", 30005)),
        ("tcp-listen://127.0.0.1:4000?clients=2", Source("tcp-listen", "127.0.0.1", 4000, clients=2)),
        ("file:recordings/one.bin", Source("file", path="recordings/one.bin")),
        ("file:what?.bin", Source("file", path="what?.bin")),
        ("pcap:/data/a b.pcap?times=recorded", Source("pcap", path="/data/a b.pcap", recorded_times=True)),
    ],
)
def test_a_good_source_is_read(text, source):
    assert parse_source(text) == (source, [])


@pytest.mark.parametrize(
    "text",
    [
        "", "udp", "http://host:1", "udp:host:1", "udp://host", "udp://host:0", "udp://host:65536", "udp://:8600",
        "udp://256.1.1.1:8600", "udp://1.2.3:8600", "udp://[::zz]:1", "udp://user@host:1", "udp://host:1/path",
        "udp://1.2.3.4:1?interface=eth0", "udp://239.1.1.1:8600?interface=eth0", "udp://host.example.org:1",
        "tcp://239.1.1.1:30005", "tcp://host:1?clients=2", "tcp-listen://h:1?clients=0",
        "tcp-listen://h:1?clients=65", "file:", "file:?times=now", "pcap:x?times=later", "udp://ho st:1",
        "udp://-host:1", "udp://a..b:1", "tcp-listen://h:1?clients=²", "file:a\0b",
    ],
)  # fmt: skip
def test_a_wrong_source_is_refused_with_what_would_be_right(text):
    source, faults = parse_source(text, "site.toml:7")
    assert source is None
    assert faults and all(fault.where == "site.toml:7" and fault.expected for fault in faults)


def test_all_faults_of_a_source_come_at_once():
    _, faults = parse_source("udp://999.0.0.1:99999?speed=2")
    assert [fault.found for fault in faults] == ["an unknown option 'speed'", "port 99999", "999.0.0.1"]


def test_a_source_prints_as_it_was_written_without_its_options():
    for text in ("udp://239.1.1.1:8600", "tcp://[::1]:9", "file:a/b.bin"):
        source, _ = parse_source(text)
        assert str(source) == text
