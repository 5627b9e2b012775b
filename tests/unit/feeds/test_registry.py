"""Which feeds there are, and which one reads a file."""

import gzip
from importlib.metadata import EntryPoint

import pytest

from lowsky.errors import ConfigError
from lowsky.feeds import registry
from lowsky.feeds.plan import plan, start_ns
from lowsky.model.site import Feed, Sensor, Site

LINE = b"1790000000.5 60.1 24.9\n"


@pytest.fixture
def only_template(monkeypatch):
    """The template feed and two that cannot be used."""
    values = {"template": "lowsky.feeds._template", "gone": "no_such_package", "half": "lowsky.feeds.files"}
    entries = {name: EntryPoint(name, value, registry.GROUP) for name, value in values.items()}
    monkeypatch.setattr(registry, "_entries", lambda: {"template": entries["template"]})
    return lambda: monkeypatch.setattr(registry, "_entries", lambda: entries)


def test_every_feed_of_the_package_is_found_by_its_entry_point():
    assert registry.feed_names() == ("asterix", "beast", "modes-jsonl", "remote-id", "table")


def test_an_unknown_format_is_told_what_there_is(only_template):
    with pytest.raises(ConfigError, match="'sonar'; expected one of template"):
        registry.feed_named("sonar")


def test_a_feed_that_cannot_be_used_is_a_fault_of_the_configuration(only_template):
    only_template()
    with pytest.raises(ConfigError, match="no_such_package"):
        registry.feed_named("gone")
    with pytest.raises(ConfigError, match="without MANIFEST, Config, open_feed, read_file"):
        registry.feed_named("half")


@pytest.mark.parametrize("packed", [False, True])
def test_a_recorded_file_is_recognised_packed_or_not(only_template, tmp_path, packed):
    path = tmp_path / ("lines.txt.gz" if packed else "lines.txt")
    path.write_bytes(gzip.compress(LINE * 10_000) if packed else LINE)
    assert registry.sniff_file(path) == "template"


def test_only_the_first_64_kib_of_a_packed_file_are_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(50_000_000)))
    head, name = registry.head_of(path)
    assert (len(head), name) == (registry.HEAD_BYTES, "bomb")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "an empty file"),
        (b"\xff\x00 nothing known", "16 bytes of no known format"),
        (b"\x1f\x8bbroken", "broken gzip"),
    ],
)
def test_a_file_of_no_known_format_is_told_what_was_tried(only_template, tmp_path, content, told):
    path = tmp_path / "some.bin"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        registry.sniff_file(path)


def test_a_missing_file_is_a_fault_and_no_traceback(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        registry.sniff_file(tmp_path / "none")


def test_a_file_that_two_feeds_claim_is_refused(only_template, monkeypatch, tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes(LINE)
    twice = {name: EntryPoint(name, "lowsky.feeds._template", registry.GROUP) for name in ("one", "two")}
    monkeypatch.setattr(registry, "_entries", lambda: twice)
    with pytest.raises(ConfigError, match="one and two read"):
        registry.sniff_file(path)


def site(*feeds, kind="cooperative"):
    sensor = Sensor(id="rx", kind=kind, latitude_rad=1.0, longitude_rad=0.4, height_m=0.0)
    return Site(name="t", latitude_rad=1.0, longitude_rad=0.4, height_m=0.0, sensors=(sensor,), feeds=feeds)


def test_a_site_is_planned_with_packages_configs_sources_and_times(only_template):
    feed = Feed(
        sensor="rx", format="template", source="udp://127.0.0.1:9000",
        options={"sigma_m": 12, "start": "2026-11-20T12:00:00+02:00"},
    )  # fmt: skip
    (planned,) = plan(site(feed))
    assert planned.config.sigma_m == 12.0
    assert planned.source.port == 9000
    assert planned.start_ns == 1_795_168_800 * 1_000_000_000


def test_every_fault_of_every_feed_is_told_at_once(only_template):
    with pytest.raises(ConfigError) as caught:
        plan(
            site(
                Feed(sensor="ry", format="template", source="udp://0.0.0.0:0"),
                Feed(sensor="rx", format="sonar", source="pcap:x"),
                Feed(sensor="rx", format="template", source="pcap:x", options={"sigma": 1, "start": "noon"}),
                kind="radar",
            )
        )
    where = [fault.where for fault in caught.value.faults]
    assert where == [
        "feed 1: source", "feed 1: sensor",
        "feed 2: format",
        "feed 3: start", "feed 3: source", "feed 3: sensor", "feed 3",
    ]  # fmt: skip


def test_a_wrong_value_of_an_option_is_told_before_anything_is_opened():
    options = {"sac": 999, "editions": {"48": "9.9"}}
    with pytest.raises(ConfigError) as caught:
        plan(site(Feed(sensor="rx", format="asterix", source="udp://0.0.0.0:8600", options=options)))
    assert [fault.where for fault in caught.value.faults] == ["feed 1: editions: 48", "feed 1: sac"]


@pytest.mark.parametrize("start", ["9999-01-01", "1969-12-31", "0001-01-01T00:00:00+14:00"])
def test_a_start_that_int64_nanoseconds_cannot_hold_or_before_1970_is_no_time(start):
    with pytest.raises(ValueError):
        start_ns({"start": start})


def test_a_time_without_a_zone_is_utc():
    assert start_ns({"start": "1970-01-02"}) == 86_400_000_000_000
    assert start_ns({}) is None
