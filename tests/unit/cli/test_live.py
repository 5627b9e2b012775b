"""What the commands that serve the map say and keep."""

import os
import threading
import time

import pytest
from tests.scenarios.node.harness import feed, free_port, radar, site_text, wait_for

from lowsky.cli import live
from lowsky.errors import ConfigError, LowskyError
from lowsky.model.ports import Tick
from lowsky.record import Recorder, open_recording
from lowsky.record.catalog import Gap


def ended_at_once(hub, controls, host, port, ready, stop):
    ready("http://nowhere/")


def test_an_engine_that_does_not_end_is_said_and_is_no_success(monkeypatch):
    never = threading.Event()
    monkeypatch.setattr(live, "serve", ended_at_once)
    monkeypatch.setattr(live, "ENDS_WITHIN_S", 0.05)
    engine = live.Engine(never.wait, lambda: None)
    with pytest.raises(LowskyError, match="did not end"):
        engine.serve(None, None, "127.0.0.1", 0, print)
    never.set()


@pytest.mark.parametrize("port", [-5, 65_536, 99_999])
def test_a_port_that_does_not_exist_is_refused_and_not_another_one_taken(port):
    with pytest.raises(ConfigError, match="--port: found"):
        live.Engine(lambda: None, lambda: None).serve(None, None, "127.0.0.1", port, print)


def test_a_site_file_from_a_pipe_is_recorded_whole(tmp_path, monkeypatch):
    # given a site file that can be read only once
    text = site_text(radar("radar-1"), feed("radar-1", free_port()))
    pipe = tmp_path / "site.toml"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_text, args=(text,), daemon=True)
    writing.start()

    def served_until_recorded(hub, controls, host, port, ready, stop):
        ready("http://nowhere/")
        wait_for(lambda: hub.latest() is not None or stop.is_set(), "a picture")

    monkeypatch.setattr(live, "serve", served_until_recorded)
    # when a node runs by it, and records
    assert live.run(pipe, tmp_path / "r", "127.0.0.1", 0, lambda line: None) == 0
    # then the recording knows its site
    assert open_recording(tmp_path / "r").site_toml == text


def test_a_replay_says_what_the_recording_lacks_in_words_fit_for_a_terminal(tmp_path):
    recorder = Recorder(tmp_path, "[site]\n", "0.1.0")
    recorder.put(Tick(time.time_ns()))
    recorder.close(0.0)
    recording = open_recording(tmp_path)
    assert live.lacks_of(recording) == []
    recording.gaps += [Gap(1, 0, 0, 1, 2000, 7, "disk full"), Gap(1, 0, 0, 1, 3, 1, "\x1b[2J")]
    recording.faults.append("000002: damaged")
    assert live.lacks_of(recording) == [
        "000002: damaged",
        f"{tmp_path} lacks 2,003 ticks with 8 measurements (disk full; \N{REPLACEMENT CHARACTER}[2J)",
    ]


def test_one_heap_is_asked_for_where_the_c_library_has_it_and_harmless_elsewhere(monkeypatch):
    assert isinstance(live.use_one_heap(), bool)
    monkeypatch.setattr(live.ctypes, "CDLL", lambda name: object())  # a C library without mallopt
    assert live.use_one_heap() is False
