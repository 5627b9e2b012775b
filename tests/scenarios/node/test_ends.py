"""GIVEN a node WHEN it is told to end, or cannot begin THEN it says so in its status and in one line a fault."""

import signal
import socket

import pytest

from lowsky.engine.config import parse_site
from lowsky.engine.player import events_of
from lowsky.record.reader import open_recording
from tests import needs
from tests.scenarios.node.harness import REPEAT, TRACEBACK, Node, Talk, lone_radar, radar, site_text, wait_for

pytestmark = pytest.mark.timeout(240)


def recorded_rows(recording):
    return sum(len(tick.batch) for tick in recording.ticks() if tick.batch is not None)


BOTH = (signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize("number", BOTH[:REPEAT])
def test_a_node_that_is_told_to_end_leaves_a_whole_recording_and_status_0(tmp_path, number):
    # given a node that records what comes
    plots, site = lone_radar()
    folder = tmp_path / "recording"
    with Node(tmp_path, site, record=folder) as node:
        node.wait_until_it_runs()
        with Talk(plots):
            wait_for(lambda: node.counts("radar-1").get("measurements", 0) >= 10, "measurements")
        taken = wait_for(
            lambda: (c := node.counts("radar-1"))["records"] == plots.rows == c["measurements"] and c, "the last row"
        )
        # when it is told to end
        status = node.end(number)
    # then it has ended well, and what it took is on the disk
    assert (status, TRACEBACK in node.said) == (0, False), node.said
    recording = open_recording(folder)
    assert recorded_rows(recording) == taken["measurements"] == plots.rows
    assert (recording.faults, recording.gaps) == ([], [])
    *_, (_, _, pipeline) = events_of(recording, parse_site(recording.site_toml))
    assert len(pipeline.snapshot()) == len(plots.drones)


@pytest.mark.parametrize("number", BOTH[-REPEAT:])
def test_a_node_that_is_told_to_end_at_once_ends(tmp_path, number):
    # given a node that has just said where its map is: its engine is still getting warm
    with Node(tmp_path, lone_radar()[1], record=tmp_path / "r") as node:
        # when it is told to end
        status = node.end(number)
    # then it does, without complaint (a slow start says that it compiles, which is none)
    said = [line for line in node.lines if not line.startswith("Compiling the tracker.")]
    assert (status, len(said)) == (0, 1), node.said
    assert said[0].startswith("The map is at ")


def test_a_site_file_with_many_faults_gets_a_line_for_each_and_status_2(tmp_path, run_here):
    # given a site file with six faults
    path = tmp_path / "site.toml"
    path.write_text(
        '[site]\nname = "Wrong"\nlatitude_deg = 137.45\nlongitude_deg = 126.6\nheight_m = 30.0\ncolour = "red"\n\n'
        '[[sensor]]\nid = "one"\nkind = "sonar"\nlatitude_deg = 37.0\nlongitude_deg = 126.0\nheight_m = 1.0\n\n'
        '[[feed]]\nsensor = "two"\nformat = "morse"\nsource = "udp://127.0.0.1:99999"\n',
        encoding="utf-8",
    )
    # when it is read
    status, out, err = run_here("run", path)
    # then each fault has its line, in order, with what would be right
    assert (status, out) == (2, []), err
    assert [line.split(": ")[0] for line in err] == [f"site.toml:{n}" for n in (3, 6, 10, 16, 17, 18)], err
    assert all("; expected " in line for line in err), err


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "directory"),
        (lambda path: path.write_bytes(bytes(range(256)) * 40), "UTF-8"),
        (lambda path: path.write_text("[site\nname = 1\n"), "TOML"),
        (lambda path: path.write_text(""), "[site]"),
        (lambda path: path.write_text("\0" * 1000), "TOML"),
        (lambda path: path.write_text('site = 1\nsensor = "x"\nfeed = 3\n'), "table"),
    ],
)
def test_what_is_no_site_file_gets_clear_lines_and_status_2(tmp_path, run_here, make, word):
    path = tmp_path / "site.toml"
    make(path)
    for command in (["run", path, "--port", "0"], ["check", path]):
        status, out, err = run_here(*command)
        assert (status, out) == (2, []), err
        assert any(word in line for line in err) and len(err) <= 3, err
        assert all("; expected " in line for line in err), err


def test_a_node_without_a_feed_is_told_that_it_needs_one(tmp_path, run_here):
    path = tmp_path / "site.toml"
    path.write_text(site_text(radar("one")))
    assert run_here("check", path)[0] == 0
    status, out, err = run_here("run", path)
    assert (status, out, len(err)) == (2, [], 1), err
    assert "[[feed]]" in err[0]


@needs.binding_permissions
def test_a_site_file_that_may_not_be_read_is_said_so(tmp_path, run_here):
    path = tmp_path / "site.toml"
    path.write_text(site_text(radar("one")))
    path.chmod(0)
    status, _, err = run_here("run", path)
    assert (status, len(err)) == (2, 1), err


def test_a_port_in_use_for_the_map_is_one_clear_line_and_status_1(tmp_path, run_here):
    # given another program on the port
    path = tmp_path / "site.toml"
    path.write_text(lone_radar()[1])
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        # when a node is started there
        status, out, err = run_here("run", path, "--port", port, "--record", tmp_path / "r")
    # then it says so and what to do, and has begun nothing
    assert (status, out, len(err)) == (1, [], 1), err
    assert f"127.0.0.1:{port}" in err[0] and "--port" in err[0]
    assert not (tmp_path / "r").exists()
