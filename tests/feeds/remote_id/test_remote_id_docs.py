"""The page of the feed says what the code does."""

import re
import socket
import time
import tomllib
from pathlib import Path

import msgspec
import pytest

from lowsky.feeds.remote_id import MANIFEST, Config, open_feed
from lowsky.model.measurement import Reject
from lowsky.model.ports import Frame
from lowsky.model.site import Sensor, Site

PAGE = (Path(__file__).parents[3] / "docs/feeds/remote-id.md").read_text(encoding="utf-8")
SENSOR = Sensor(id="remote-id", kind="cooperative", latitude_rad=0.0, longitude_rad=0.0, height_m=0.0)
SITE = Site(name="test", latitude_rad=0.0, longitude_rad=0.0, height_m=0.0, sensors=(SENSOR,))


def test_every_option_and_its_default_is_in_the_table():
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", PAGE, re.MULTILINE))
    config = msgspec.to_builtins(Config())
    assert {name: tomllib.loads(f"v = {rows[name]}")["v"] for name in config} == config


@pytest.mark.parametrize("reject", [Reject.NO_POSITION, Reject.BAD_CHECKSUM, Reject.MALFORMED, Reject.DUPLICATE])
def test_the_rejects_are_explained(reject):
    assert f"`{reject.name}`" in PAGE


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_the_examples_name_this_feed_and_valid_options(example):
    (feed,) = tomllib.loads(example)["feed"]
    assert feed["format"] == MANIFEST.name
    assert feed["source"].partition(":")[0] in MANIFEST.sources
    msgspec.convert({k: v for k, v in feed.items() if k not in ("sensor", "format", "source")}, Config)


def test_the_sender_of_the_page_is_understood(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    (program,) = re.findall(r"<<'PY'\n(.*?)\nPY", PAGE, re.DOTALL)
    reader = open_feed(Config(), SENSOR, SITE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5.0)
        exec(program.replace("40000", str(receiver.getsockname()[1])), {})
        payload, (host, port) = receiver.recvfrom(2048)
    made = reader(Frame(1_800_000_000_000_000_000, payload, f"{host}:{port}"))
    (batch,) = made.batches
    assert batch.texts["identity"].text(0) == "DEMO0001"
    assert batch.texts["class"].text(0) == "multirotor"
