"""GIVEN people who act on alerts WHEN the node is killed at any moment THEN what was answered is not lost.

``python -m tests.scenarios.node.test_acting 100`` does it a hundred times.
"""

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

import lowsky.track
from lowsky.clock import LiveClock
from lowsky.engine.config import parse_site
from lowsky.engine.hub import Hub
from lowsky.engine.keeper import Keeper
from lowsky.engine.node import Node, Stage
from lowsky.model.ports import OperatorAction
from tests.scenarios.node.harness import feed, free_port, radar, site_text

pytestmark = pytest.mark.timeout(400)

KEPT = 15  # an alert keeps its last twenty notes


def acting(node, hub, say):
    """Notes on the alert, one after the other; each is said once it is answered as recorded."""
    while hub.latest() is None or not hub.latest().alerts:
        time.sleep(0.01)
    alert = hub.latest().alerts[0]
    say({"found": [note.text for note in alert.notes]})
    for number in range(1_000_000):
        text = f"{os.getpid()}-{number}"
        action = OperatorAction(key=f"k-{text}", t_ns=0, what="note", alert_id=alert.id, user="Kim", text=text)
        outcome = node.act(action).result()
        if outcome.is_recorded and not outcome.refused:
            say({"answered": text})


def live(folder, site_toml, pipe):
    """In a process of its own, for ever."""

    def say(what):
        os.write(pipe, json.dumps(what).encode() + b"\n")

    hub = Hub()
    node = Node(parse_site(site_toml), LiveClock(), hub, Stage("live"), Keeper(folder, site_toml))
    threading.Thread(target=acting, args=(node, hub, say), daemon=True).start()
    asyncio.run(node.run(asyncio.Event()))


def killed(folder, site_toml, after_s):
    """One life of a node, ended by SIGKILL: the notes it found, and those it answered."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            live(folder, site_toml, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as said:
        found = json.loads(said.readline())["found"]
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return found, [json.loads(line)["answered"] for line in said if line.endswith("\n")]


def lives(folder, count, seed):
    """How many notes were answered in so many lives, and those of them that were lost."""
    lowsky.track.warm_up()
    rng, total, lost = random.Random(seed), 0, []
    # nobody serves its source: the sensor is down, which is an alert
    site_toml = site_text(radar("radar-1"), feed("radar-1", free_port(), "tcp"))
    answered = []
    for _ in range(count + 1):
        found, now = killed(folder / "r", site_toml, rng.uniform(0.0, 0.8))
        lost += [text for text in answered[-KEPT:] if text not in found]
        total += len(now)
        answered = now
    return total, lost


def test_what_was_answered_as_recorded_survives_a_kill(tmp_path):
    answered, lost = lives(tmp_path, 4, seed=100)
    assert answered > 0 and lost == []


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        print(lives(Path(where), int(sys.argv[1]), seed=101))  # noqa: T201
