"""GIVEN a node that records WHEN the disk refuses THEN it serves on, says so once, and records again by itself.

One node serves all of these scenarios but the last: what one of them left behind is what the next one meets.
"""

import functools
import resource
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lowsky.record.reader import open_recording
from tests import needs
from tests.scenarios.node.harness import TRACEBACK, Node, Talk, lone_radar, wait_for

pytestmark = pytest.mark.timeout(400)

UNLIMITED = resource.RLIM_INFINITY


def recording_alerts(node):
    return [alert["title"] for alert in node.alerts("Recording: ")]


def goes_on(node):
    """Measurements still come in and the picture still moves."""
    before, t = node.counts("radar-1")["measurements"], node.health()["t"]
    wait_for(
        lambda: node.counts("radar-1")["measurements"] > before + 4 and node.health()["t"] > t, "the node to go on"
    )


def is_recorded(folder, node):
    """Everything up to now, or soon."""
    t_ns = node.health()["t"] * 1e9
    wait_for(lambda: folder.is_dir() and (span := open_recording(folder).span_ns) and span[1] >= t_ns, "it is recorded")


@contextmanager
def recording_node(tmp_path, folder):
    plots, site = lone_radar()
    with Node(tmp_path, site, record=folder) as node, Talk(plots):
        node.wait_until_it_runs()
        wait_for(lambda: node.status("radar-1") == "ok", "a radar that is heard")
        yield node
        if node.process.poll() is None:
            assert node.end() == 0
        assert TRACEBACK not in node.said, node.said


def degrades_and_recovers(node, words, repair, said_before=0):
    """When the disk refuses, the page says so once and clearly; when it takes data again, by itself no more."""
    titles = wait_for(lambda: recording_alerts(node), "the alert")
    assert len(titles) == 1 and words in titles[0], titles
    assert node.health()["status"] == "degraded"
    goes_on(node)
    repair()
    wait_for(lambda: not recording_alerts(node), "the alert to go")
    wait_for(lambda: node.health()["status"] == "ok", "the node to be well")
    assert node.said.count("recording stopped") == said_before + 1, node.said


@dataclass
class World:
    node: Node
    folder: Path  # where it records

    def records(self):
        """The node that records, whichever of the tests ran before."""
        if self.folder.is_file():
            self.folder.unlink()
        is_recorded(self.folder, self.node)
        return self.node


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A node that finds a file where it should record."""
    place = tmp_path_factory.mktemp("node")
    folder = place / "recording"
    folder.write_text("in the way")
    with recording_node(place, folder) as node:
        yield World(node, folder)


def test_a_file_in_the_place_of_the_folder_is_said_and_the_node_serves_all_the_same(world):
    degrades_and_recovers(world.node, "is not a folder", world.folder.unlink)
    is_recorded(world.folder, world.node)
    recording = open_recording(world.folder)
    assert (recording.faults, recording.gaps) == ([], [])


def test_a_disk_that_refuses_is_said_and_nothing_is_lost_when_it_takes_data_again_soon(world):
    node = world.records()
    before = node.said.count("recording stopped")
    # no file may grow any more
    pid, written = node.process.pid, max(p.stat().st_size for p in world.folder.iterdir())
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (written, UNLIMITED))
    again = functools.partial(resource.prlimit, pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
    degrades_and_recovers(node, "cannot be written", again, before)  # SQLite does not say why
    is_recorded(world.folder, node)


def test_a_second_node_does_not_record_into_the_folder_of_the_first(world, tmp_path):
    node = world.records()
    with Node(tmp_path, lone_radar()[1], record=world.folder) as second:
        titles = wait_for(lambda: recording_alerts(second), "the alert of the second")
        assert len(titles) == 1 and "another program records into it" in titles[0], titles
        assert recording_alerts(node) == []
        # and what it could not record it says when it ends
        restored_t = second.health()["t"]
        wait_for(lambda: second.health()["t"] > restored_t, "time to pass")
        assert second.end() == 0
        assert second.said.count("lacks") == 1, second.said
    goes_on(node)


def test_what_it_recorded_through_all_this_is_whole(world):
    node = world.records()
    assert node.end() == 0
    assert TRACEBACK not in node.said, node.said
    recording = open_recording(world.folder)
    looks = [tick.batch.look for tick in recording.ticks() if tick.batch is not None]
    assert (recording.faults, recording.gaps) == ([], [])
    assert looks == list(range(looks[0], looks[0] + len(looks)))


def test_a_full_file_system_is_said_and_recording_goes_on_when_there_is_room(tmp_path):
    folder, ballast = tmp_path / "recording", tmp_path / "recording" / "ballast"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)], capture_output=True)
    needs.machine(mounted.returncode == 0, "does not let us mount a small file system to fill")
    try:
        with recording_node(tmp_path, folder) as node:
            is_recorded(folder, node)
            with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
                while True:
                    file.write(bytes(4096))
            degrades_and_recovers(node, "the disk is full", ballast.unlink)
            is_recorded(folder, node)
        recording = open_recording(folder)
        assert (recording.faults, recording.gaps) == ([], [])
        assert len(list(recording.ticks())) > 20
    finally:
        subprocess.run(["umount", str(folder)], check=True)
