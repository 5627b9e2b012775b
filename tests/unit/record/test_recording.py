"""What is put into a recorder comes out of the recording, in order and bit for bit."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.record.record_scenes import SECOND, SITE, T0, tick, ticks

from lowsky.errors import RecordError
from lowsky.model.measurement import MeasurementKind
from lowsky.model.ports import Tick
from lowsky.record import Recorder, open_recording
from lowsky.record.catalog import HOUR_NS, all_files
from lowsky.wire.columns import encode_tick


def encoded(sequence):
    return [encode_tick(t) for t in sequence]


def record(folder, sequence, compact_s=0.0):
    recorder = Recorder(folder, SITE, "0.1.0")
    for t in sequence:
        recorder.put(t)
    assert recorder.flush()
    return recorder.close(compact_s)


def forms(folder):
    return [file.form for file in all_files(folder)]


@pytest.mark.parametrize("compact_s", [0.0, 60.0])
def test_ticks_come_back_in_order_and_bit_for_bit(tmp_path, compact_s):
    scene = ticks(200)
    status = record(tmp_path, scene, compact_s)
    assert (status.ticks_durable, status.ticks_lost, status.t_durable_ns) == (200, 0, scene[-1].t_ns)
    assert forms(tmp_path) == ["parquet" if compact_s else "sqlite"]
    recording = open_recording(tmp_path)
    assert recording.site_toml == SITE
    assert recording.version == "0.1.0"
    assert recording.span_ns == (T0, scene[-1].t_ns)
    assert (recording.gaps, recording.faults) == ([], [])
    assert encoded(recording.ticks()) == encoded(scene)


def test_a_recording_goes_on_in_a_new_segment_and_reads_across_both_forms(tmp_path):
    scene = ticks(90)
    record(tmp_path, scene[:30], compact_s=60.0)
    record(tmp_path, scene[30:60])
    (tmp_path / "notes.txt").write_text("not a segment")
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    for t in scene[60:]:
        recorder.put(t)
    assert recorder.flush()
    assert encoded(open_recording(tmp_path).ticks()) == encoded(scene)  # while it is being written and compacted
    recorder.close()
    assert forms(tmp_path) == ["parquet"] * 3
    assert encoded(open_recording(tmp_path).ticks()) == encoded(scene)


def test_each_hour_of_event_time_is_a_segment(tmp_path):
    scene = ticks(10, step_ns=HOUR_NS // 3)
    record(tmp_path, scene)
    assert len(forms(tmp_path)) == len({t.t_ns // HOUR_NS for t in scene})
    assert encoded(open_recording(tmp_path).ticks()) == encoded(scene)


def test_time_that_jumps_back_keeps_the_order_of_recording(tmp_path):
    scene = [*ticks(20), *ticks(20, t0=T0 - 2 * HOUR_NS), *ticks(5)]
    record(tmp_path, scene, compact_s=60.0)
    assert encoded(open_recording(tmp_path).ticks()) == encoded(scene)


@pytest.mark.parametrize("compact_s", [0.0, 60.0])
def test_a_seek_starts_at_the_first_tick_not_before(tmp_path, compact_s):
    scene = ticks(400, step_ns=HOUR_NS // 100)
    record(tmp_path, scene, compact_s)
    recording = open_recording(tmp_path)
    for from_ns in (T0 - 5, T0, T0 + 1, scene[123].t_ns, scene[123].t_ns + 1, scene[-1].t_ns, scene[-1].t_ns + 1):
        expected = [t for t in scene if t.t_ns >= from_ns]
        assert encoded(recording.ticks(from_ns)) == encoded(expected)


def test_a_seek_does_not_read_what_lies_before(tmp_path):
    record(tmp_path, ticks(400, step_ns=HOUR_NS // 100))
    for file in all_files(tmp_path)[:-1]:
        file.path.write_bytes(b"")
    recording = open_recording(tmp_path)
    before = list(recording.faults)
    last = recording.span_ns[1]
    assert next(recording.ticks(last)).t_ns == last
    assert recording.faults == before


def test_reading_a_segment_that_is_being_written_sees_what_is_committed(tmp_path):
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    scene = ticks(60)
    for t in scene[:30]:
        recorder.put(t)
    assert recorder.flush()
    recording = open_recording(tmp_path)
    stream = recording.ticks()
    seen = [next(stream) for _ in range(10)]
    for t in scene[30:]:
        recorder.put(t)
    assert recorder.flush()
    seen += list(stream)
    assert encoded(seen) == encoded(scene)
    recorder.close(0.0)


def test_a_seek_finds_what_was_written_after_the_recording_was_opened(tmp_path):
    scene = ticks(40, step_ns=HOUR_NS // 8)
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    recorder.put(scene[0])
    assert recorder.flush()
    recording = open_recording(tmp_path)
    for t in scene[1:]:  # the segment goes on, and others follow it
        recorder.put(t)
    assert recorder.flush()
    for start in (2, 20):
        assert encoded(recording.ticks(scene[start].t_ns)) == encoded(scene[start:])
    recorder.close(0.0)


def test_a_compacted_segment_is_plain_parquet_for_others(tmp_path):
    scene = ticks(100)
    record(tmp_path, scene, compact_s=60.0)
    (file,) = all_files(tmp_path)
    frame = pl.read_parquet(file.path)
    assert frame["t_ns"].to_list() == [t.t_ns for t in scene]
    ranges = frame.filter(pl.col("kind") == MeasurementKind.RADAR)["range_m"].explode(empty_as_null=False)
    wanted = np.concatenate([t.batch.z[:, 0] for t in scene if t.batch is not None and t.batch.kind == 1])
    np.testing.assert_array_equal(ranges.to_numpy(), wanted)


def test_another_process_reads_while_this_one_writes(tmp_path):
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    for t in ticks(50):
        recorder.put(t)
    assert recorder.flush()
    program = "import sys; from lowsky.record import open_recording as o; print(sum(1 for _ in o(sys.argv[1]).ticks()))"
    out = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "50"
    recorder.close(0.0)


def test_one_segment_alone_is_a_recording(tmp_path):
    scene = ticks(30)
    record(tmp_path, scene, compact_s=60.0)
    (file,) = all_files(tmp_path)
    assert encoded(open_recording(file.path).ticks()) == encoded(scene)


def test_a_killed_run_is_compacted_by_the_next(tmp_path):
    scene = ticks(30)
    record(tmp_path, scene)
    Recorder(tmp_path, SITE, "0.1.0").close()
    assert forms(tmp_path) == ["parquet"]
    assert encoded(open_recording(tmp_path).ticks()) == encoded(scene)


def test_what_is_no_recording_is_refused_with_the_path(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for path in (tmp_path, tmp_path / "a.parquet", tmp_path / "missing"):
        with pytest.raises(RecordError, match=str(path)):
            open_recording(path)


def test_a_recording_of_a_later_version_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr("lowsky.record.growing.FORMAT_VERSION", "2")
    record(tmp_path, ticks(3))
    with pytest.raises(RecordError, match="version 2"):
        open_recording(tmp_path)


def test_put_after_close_is_refused(tmp_path):
    recorder = Recorder(tmp_path, SITE, "0.1.0")
    recorder.close(0.0)
    with pytest.raises(RecordError):
        recorder.put(Tick(T0))


def test_a_recorder_that_got_nothing_leaves_no_segment(tmp_path):
    Recorder(tmp_path, SITE, "0.1.0").close()
    assert forms(tmp_path) == []


@settings(max_examples=8, deadline=None)
@given(
    steps=st.lists(st.integers(-2 * HOUR_NS, 2 * HOUR_NS) | st.integers(0, SECOND), min_size=1, max_size=30),
    compact_s=st.sampled_from([0.0, 60.0]),
)
def test_any_sequence_of_times_comes_back(tmp_path_factory, steps, compact_s):
    folder = tmp_path_factory.mktemp("recording")
    scene, t_ns = [], T0
    for k, step in enumerate(steps):
        t_ns += step
        scene.append(tick(k, step_ns=0, t0=t_ns))
    record(folder, scene, compact_s)
    recording = open_recording(folder)
    assert encoded(recording.ticks()) == encoded(scene)
    assert recording.span_ns == (min(t.t_ns for t in scene), max(t.t_ns for t in scene))
