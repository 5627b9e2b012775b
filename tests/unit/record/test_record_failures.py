"""The disk refuses, the process dies, the file is damaged: what is acknowledged stays, what is lost is said."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests import needs
from tests.unit.record.record_scenes import SITE, tick, ticks

from lowsky.errors import RecordError
from lowsky.record import Recorder, open_recording
from lowsky.record import writer as writer_module
from lowsky.record.catalog import all_files
from lowsky.record.compact import compact
from lowsky.record.disk import Disk
from lowsky.wire.columns import encode_tick

HERE = Path(__file__).parent


def encoded(sequence):
    return [encode_tick(t) for t in sequence]


def until(condition, timeout_s=30.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def quick_retry(monkeypatch):
    monkeypatch.setattr(writer_module, "RETRY_S", 0.02)


class Refusing:
    """Makes every write of a Disk fail like a full disk while ``full``."""

    def __init__(self, monkeypatch):
        self.full = True
        write = Disk._commit

        def refuse(disk, open_, items):
            if self.full:
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorname = "SQLITE_FULL"
                raise error
            write(disk, open_, items)

        monkeypatch.setattr(Disk, "_commit", refuse)


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from tests.unit.record.record_scenes import SITE, tick
from lowsky.record import Recorder
recorder = Recorder(sys.argv[1], SITE, "0.1.0")
k = int(sys.argv[3])
while True:
    for _ in range(7):
        recorder.put(tick(k))
        k += 1
    assert recorder.flush()
    print(k, flush=True)
"""


def test_everything_acknowledged_is_readable_after_kill_9(tmp_path):
    chance = random.Random(5)
    acknowledged = [0]
    kept = 0
    for _ in range(4):
        start = kept  # the next run goes on with the number after the last one that is in the recording
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(HERE), str(start)], stdout=subprocess.PIPE, text=True
        )
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        acknowledged = [int(line) for line in rest.split()] or [start + 7]
        recording = open_recording(tmp_path)
        found = encoded(recording.ticks())
        assert recording.faults == []
        assert len(found) >= acknowledged[-1]
        assert found == encoded(tick(k) for k in range(len(found)))
        kept = len(found)
    Recorder(tmp_path, SITE, "0.1.0").close()
    assert {file.form for file in all_files(tmp_path)} == {"parquet"}
    assert encoded(open_recording(tmp_path).ticks()) == encoded(tick(k) for k in range(kept))


def test_a_compaction_killed_at_any_instant_leaves_one_valid_copy(tmp_path):
    scene = ticks(3000)
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    for t in scene:
        recorder.put(t)
    assert recorder.flush()
    recorder.close(0.0)
    expected = encoded(scene)
    for delay_s in (0.3, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0):
        for file in all_files(tmp_path):
            if file.form == "sqlite":
                process = subprocess.Popen([sys.executable, "-m", "lowsky.record", str(file.path)])
                time.sleep(delay_s)
                process.kill()
                process.wait()
        assert encoded(open_recording(tmp_path).ticks()) == expected
    Recorder(tmp_path, SITE, "0.1.0").close()
    assert [file.form for file in all_files(tmp_path)] == ["parquet"]
    assert not list(tmp_path.glob("*.tmp"))
    assert encoded(open_recording(tmp_path).ticks()) == expected


def test_both_forms_of_a_segment_are_read_once(tmp_path):
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    for t in ticks(30):
        recorder.put(t)
    recorder.close(0.0)
    (file,) = all_files(tmp_path)
    saved = tmp_path / "saved"
    shutil.copyfile(file.path, saved)
    compact(file.path)
    shutil.copyfile(saved, file.path)  # as if the crash came between the rename and the removal
    assert encoded(open_recording(tmp_path).ticks()) == encoded(ticks(30))
    compact(file.path)
    assert [f.form for f in all_files(tmp_path)] == ["parquet"]


def test_a_segment_that_would_change_is_not_replaced(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    for t in ticks(30):
        recorder.put(t)
    recorder.close(0.0)
    (file,) = all_files(tmp_path)
    write = compact.__globals__["finished"].write
    monkeypatch.setattr("lowsky.record.finished.write", lambda path, ts, *rest: write(path, list(ts)[1:], *rest))
    with pytest.raises(RecordError, match="not the same"):
        compact(file.path)
    assert [f.form for f in all_files(tmp_path)] == ["sqlite"]
    assert not list(tmp_path.glob("*.tmp"))


def test_a_full_disk_is_a_state_and_recording_goes_on_by_itself(tmp_path, monkeypatch, quick_retry):
    disk = Refusing(monkeypatch)
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    scene = ticks(50)
    for t in scene[:40]:
        recorder.put(t)
    assert not recorder.flush()
    status = recorder.status()
    assert status.state == "failing"
    assert "full" in str(status.error)
    assert str(tmp_path) in str(status.error)
    assert status.ticks_durable == 0
    disk.full = False
    until(lambda: recorder.status().ticks_durable == 40)
    for t in scene[40:]:
        recorder.put(t)
    assert recorder.flush()
    status = recorder.close(0.0)
    assert (status.state, status.error, status.ticks_lost) == ("ok", None, 0)
    recording = open_recording(tmp_path)
    assert encoded(recording.ticks()) == encoded(scene)
    assert recording.gaps == []


@pytest.mark.parametrize("compact_s", [0.0, 60.0])
def test_what_a_full_disk_cost_is_counted_and_marked_as_a_gap(tmp_path, monkeypatch, quick_retry, compact_s):
    disk = Refusing(monkeypatch)
    disk.full = False
    recorder = Recorder(tmp_path, SITE, "0.1.0", backlog_bytes=60_000)
    scene = ticks(400)
    for t in scene[:10]:
        recorder.put(t)
    assert recorder.flush()
    disk.full = True
    for t in scene[10:20]:
        recorder.put(t)
    until(lambda: recorder.status().error is not None)
    for t in scene[20:390]:
        recorder.put(t)
    lost = recorder.status().ticks_lost
    assert lost > 0
    assert recorder.status().backlog_bytes <= 60_000
    disk.full = False
    for t in scene[390:]:
        recorder.put(t)
    until(recorder.flush)
    status = recorder.close(compact_s)
    assert status.ticks_lost >= lost
    assert status.ticks_lost + status.ticks_durable == len(scene)
    recording = open_recording(tmp_path)
    found = encoded(recording.ticks())
    everything = encoded(scene)
    kept = [k for k, one in enumerate(everything) if one in set(found)]
    assert found == [everything[k] for k in kept]
    missing = [scene[k] for k in range(len(scene)) if k not in set(kept)]
    (gap,) = recording.gaps
    assert (gap.ticks, gap.measurements) == (len(missing), sum(len(t.batch) for t in missing if t.batch is not None))
    assert (gap.t_from_ns, gap.t_to_ns) == (missing[0].t_ns, missing[-1].t_ns)
    assert found[: gap.after_tick] == everything[: gap.after_tick]
    assert found[gap.after_tick] != everything[gap.after_tick]
    assert "full" in gap.cause


def test_a_commit_that_failed_but_reached_the_disk_is_not_written_twice(tmp_path, monkeypatch, quick_retry):
    commit, failed = Disk._commit, []

    def late(disk, open_, items):
        known = (open_.blocks, open_.gaps, open_.size)
        commit(disk, open_, items)
        if not failed:
            failed.append(True)
            open_.blocks, open_.gaps, open_.size = known
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(Disk, "_commit", late)
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    scene = ticks(30)
    for t in scene:
        recorder.put(t)
    until(recorder.flush)
    recorder.close(0.0)
    assert failed
    assert encoded(open_recording(tmp_path).ticks()) == encoded(scene)


LIMITED = """
import resource, signal, sys, time
sys.path.insert(0, sys.argv[2])
from tests.unit.record.record_scenes import SITE, ticks
from lowsky.record import Recorder
from lowsky.record import writer
writer.RETRY_S = 0.05
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
recorder = Recorder(sys.argv[1], SITE, "0.1.0")
for t in ticks(2000):
    recorder.put(t)
    if t.t_ns % 5 == 0 and recorder.status().error:
        break
recorder.flush()
status = recorder.status()
print(status.state, status.error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
deadline = time.monotonic() + 30
while not recorder.flush() and time.monotonic() < deadline:
    time.sleep(0.05)
print(recorder.close(0.0))
"""


def test_a_file_that_may_not_grow_is_survived_with_real_sqlite_errors(tmp_path):
    out = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), str(HERE)], capture_output=True, text=True, check=True
    ).stdout
    assert out.startswith(f"failing {tmp_path}: ")
    assert "state='ok'" in out
    assert "ticks_lost=0" in out
    found = encoded(open_recording(tmp_path).ticks())
    assert f"ticks_durable={len(found)}," in out
    assert found == encoded(ticks(len(found)))
    assert len(found) > 50


def test_a_file_in_place_of_the_folder_is_one_clear_message(tmp_path, quick_retry):
    folder = tmp_path / "recording"
    folder.write_text("in the way")
    recorder = Recorder(folder, SITE, "0.1.0")
    recorder.put(tick(0))
    assert not recorder.flush()
    assert f"{folder}: is not a folder" in str(recorder.status().error)
    folder.unlink()
    until(lambda: recorder.status().ticks_durable == 1)
    assert recorder.close(0.0).state == "ok"
    assert encoded(open_recording(folder).ticks()) == encoded([tick(0)])


@needs.binding_permissions
def test_a_read_only_folder_is_one_clear_message(tmp_path, quick_retry):
    tmp_path.chmod(0o500)
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    recorder.put(tick(0))
    assert not recorder.flush()
    assert "may not be written" in str(recorder.status().error)
    tmp_path.chmod(0o700)
    until(lambda: recorder.status().ticks_durable == 1)
    recorder.close(0.0)


def test_a_second_recorder_waits_for_the_folder(tmp_path, quick_retry):
    first = Recorder(tmp_path, SITE, "0.1.0")
    first.put(tick(0))
    assert first.flush()
    second = Recorder(tmp_path, SITE, "0.1.0")
    second.put(tick(1))
    assert not second.flush()
    assert "another program" in str(second.status().error)
    first.close(0.0)
    until(lambda: second.status().ticks_durable == 1)
    second.close(0.0)
    assert encoded(open_recording(tmp_path).ticks()) == encoded(ticks(2))


def test_a_folder_that_is_deleted_is_noticed_and_made_again(tmp_path, quick_retry):
    folder = tmp_path / "recording"
    recorder = Recorder(folder, SITE, "0.1.0")
    recorder.put(tick(0))
    assert recorder.flush()
    shutil.rmtree(folder)
    recorder.put(tick(1))
    until(recorder.flush)
    recorder.close(0.0)
    assert encoded(open_recording(folder).ticks()) == encoded([tick(1)])


def test_what_the_disk_refuses_to_the_end_is_counted_as_lost(tmp_path, monkeypatch):
    Refusing(monkeypatch)
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    for t in ticks(5):
        recorder.put(t)
    status = recorder.close(0.0)
    assert (status.state, status.ticks_durable, status.ticks_lost) == ("failing", 0, 5)


def test_a_tick_that_cannot_be_encoded_is_a_gap_and_not_an_end(tmp_path):
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    scene = ticks(3)
    bad = type(scene[0])(2**70)
    for t in (scene[0], bad, *scene[1:]):
        recorder.put(t)
    recorder.flush()
    assert recorder.close(0.0).ticks_lost == 1
    recording = open_recording(tmp_path)
    assert encoded(recording.ticks()) == encoded(scene)
    assert [(gap.after_tick, gap.ticks) for gap in recording.gaps] == [(1, 1)]


def recorded(folder, n=2000):
    recorder = Recorder(folder, SITE, "0.1.0")
    for t in ticks(n):
        recorder.put(t)
    assert recorder.flush()
    recorder.close(0.0)
    (file,) = all_files(folder)
    return file


def test_a_torn_last_segment_gives_what_lies_before_the_damage(tmp_path):
    file = recorded(tmp_path)
    whole = encoded(ticks(2000))
    size = file.path.stat().st_size
    os.truncate(file.path, size * 2 // 3)
    try:
        recording = open_recording(tmp_path)
    except RecordError as error:
        pytest.fail(f"nothing is readable: {error}")
    found = encoded(recording.ticks())
    assert found == whole[: len(found)]
    assert len(found) > 500
    assert recording.faults


@pytest.mark.parametrize("form", ["sqlite", "parquet"])
def test_damaged_segments_raise_nothing_but_record_error(tmp_path, form, rng):
    file = recorded(tmp_path, 100)
    path = file.path if form == "sqlite" else compact(file.path)
    good = path.read_bytes()
    unreadable = faulty = 0
    for _ in range(150):
        bad = bytearray(good)
        where = rng.integers(0, len(good))
        match rng.integers(0, 3):
            case 0:
                bad[where : where + 8] = rng.bytes(8)
            case 1:
                del bad[where:]
            case 2:
                bad[where : where + 64] = bytes(64)
        path.write_bytes(bytes(bad))
        try:
            recording = open_recording(tmp_path)
            list(recording.ticks())
            faulty += bool(recording.faults)
        except RecordError:
            unreadable += 1
    assert unreadable
    assert faulty


def test_a_view_in_the_place_of_a_table_is_refused(tmp_path):
    """It would be run, and this one never ends."""
    file = recorded(tmp_path, 10)
    connection = sqlite3.connect(file.path)
    connection.executescript("""
        CREATE TABLE one AS SELECT * FROM block LIMIT 1;
        DROP TABLE block;
        CREATE VIEW block AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT i AS id, t_from_ns, t_to_ns, ticks, raw_bytes, body FROM n, one;
    """)
    connection.close()
    with pytest.raises(RecordError, match="other tables"):
        open_recording(tmp_path)


def test_a_tick_without_a_time_is_a_fault(tmp_path):
    path = compact(recorded(tmp_path, 10).path)
    table = pq.read_table(path)
    times = [*table["t_ns"].to_pylist()[:-1], None]
    pq.write_table(table.set_column(0, "t_ns", pa.array(times, pa.int64())), path)
    recording = open_recording(tmp_path)
    assert list(recording.ticks()) == []
    assert ["without a time" in fault for fault in recording.faults] == [True]


def test_a_recording_on_a_read_only_medium_is_read_with_its_log(tmp_path, monkeypatch):
    """SQLite refuses when it cannot make its shared file; the log beside the segment must count all the same."""
    live = tmp_path / "live"
    recorder = Recorder(live, SITE, "0.1.0")
    for t in ticks(20):
        recorder.put(t)
    assert recorder.flush()
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in live.iterdir():
        if path.suffix != ".sqlite-shm":
            shutil.copyfile(path, copy / path.name)
    recorder.close(0.0)
    connect = sqlite3.connect

    def refusing(database, **options):
        if str(database).startswith(copy.as_uri()) and "immutable" not in database:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(database, **options)

    monkeypatch.setattr("lowsky.record.growing.sqlite3.connect", refusing)
    assert encoded(open_recording(copy).ticks()) == encoded(ticks(20))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_recorder_that_dies_of_what_nobody_foresaw_is_failing_and_counts_what_it_lost(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "r", SITE, "test")
    recorder.put(tick(0))
    assert recorder.flush() and recorder.status().state == "ok"

    def broken(self, items):
        raise ZeroDivisionError

    monkeypatch.setattr(Disk, "write", broken)
    for k in range(1, 5):
        recorder.put(tick(k))
    assert not recorder.flush()
    recorder.put(tick(5))
    status = recorder.status()
    assert status.state == "failing"
    assert "fault of lowsky" in str(status.error)
    ended = recorder.close()
    assert (ended.state, ended.ticks_durable, ended.ticks_lost, ended.backlog_bytes) == ("failing", 1, 5, 0)
