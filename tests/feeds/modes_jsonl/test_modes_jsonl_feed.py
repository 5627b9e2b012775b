"""The JSON lines feed: contract cases, golden file, hostile lines, and the same as Beast."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.feeds.beast.beast_site import TOULOUSE, is_lawful, opened, read_all, rows_of, same_batches, totals

from lowsky.feeds import beast, modes_jsonl
from lowsky.model.measurement import Reject
from lowsky.model.ports import Frame
from lowsky.wire.adsb.beast import encode

HERE = Path(__file__).parent
FILE = HERE / "toulouse_60s.jsonl"
LINES = FILE.read_bytes().splitlines(keepends=True)
GOOD = b'{"timestamp": 1717666459.5, "frame": "8d4840d6202cc371c32ce0576098"}'


def test_the_golden_file_is_read_as_it_was():
    """One minute of the pseudonymised Toulouse recording: the take-off."""
    results = read_all(modes_jsonl, FILE, TOULOUSE)
    records, measured, rejected, held = totals(results)
    expected = json.loads((HERE / "toulouse_60s.json").read_text())
    assert {"records": records, "measured": measured, "held": held} == expected["totals"]
    assert {reason.name: n for reason, n in rejected.items()} == expected["rejected"]
    assert rows_of(results) == expected["rows"]
    assert is_lawful(results)


def beast_bytes(lines, start_s):
    """The same frames at the same times as Beast; the counter starts at 1, for 0 means "no time"."""
    frames = []
    for line in lines:
        read = json.loads(line)
        ticks = round((read["timestamp"] - start_s) * 1e6) * 12 + 1
        frames.append(encode(ticks, 60, bytes.fromhex(read["frame"])))
    return b"".join(frames)


def test_beast_bytes_of_the_same_frames_give_identical_batches(tmp_path):
    start_s = json.loads(LINES[0])["timestamp"]
    (tmp_path / "same.bin").write_bytes(beast_bytes(LINES, start_s))
    as_beast = read_all(beast, tmp_path / "same.bin", TOULOUSE, start_ns=round(start_s * 1e6) * 1000)
    assert same_batches(read_all(modes_jsonl, FILE, TOULOUSE), as_beast)


def test_decoded_fields_of_the_line_are_not_believed():
    line = json.loads(GOOD) | {"latitude": 1.0, "longitude": 2.0, "df": 17, "vrate_src": "GNSS", "altitude": None}
    plain, dressed = opened(modes_jsonl), opened(modes_jsonl)
    assert same_batches([plain(Frame(0, GOOD))], [dressed(Frame(0, json.dumps(line).encode()))])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (GOOD, Reject.NOT_A_MEASUREMENT),  # identification: nothing of it is a measurement
        (b"{", Reject.MALFORMED),
        (b"[1, 2]", Reject.MALFORMED),
        (b"null", Reject.MALFORMED),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", Reject.MALFORMED),
        (b"\xff\xfe", Reject.MALFORMED),
        (b'{"timestamp": "now", "frame": "8d"}', Reject.MALFORMED),
        (b'{"timestamp": 1.0}', Reject.MALFORMED),
        (b'{"timestamp": 1.0, "frame": "zz"}', Reject.MALFORMED),
        (b'{"timestamp": 1.0, "frame": "8d48"}', Reject.NOT_A_MEASUREMENT),  # Mode A/C
        (b'{"timestamp": 1.0, "frame": "8d4840"}', Reject.MALFORMED),
        (b'{"frame": "8d4840d6202cc371c32ce0576098"}', Reject.NO_TIME),
        (b'{"timestamp": null, "frame": "8d4840d6202cc371c32ce0576098"}', Reject.NO_TIME),
        (b'{"timestamp": -1.0, "frame": "8d4840d6202cc371c32ce0576098"}', Reject.OUT_OF_RANGE),
        (b'{"timestamp": 1e300, "frame": "8d4840d6202cc371c32ce0576098"}', Reject.OUT_OF_RANGE),
        (b'{"timestamp": 1.0, "frame": "8d4840d6202cc371c32ce0576099"}', Reject.BAD_CHECKSUM),
        (b"x" * 70_000, Reject.MALFORMED),
    ],
)
def test_a_line_that_is_no_frame_is_counted_by_reason(line, reason):
    result = opened(modes_jsonl)(Frame(0, line))
    assert (result.records, result.rejected) == (1, Counter({reason: 1}))


def test_nothing_comes_of_nothing(tmp_path):
    assert totals([opened(modes_jsonl)(Frame(5, b"\n\n \n"))]) == (0, 0, Counter(), 0)
    (tmp_path / "empty").write_bytes(b"")
    assert read_all(modes_jsonl, tmp_path / "empty", TOULOUSE) == []


def test_gzip_and_a_last_line_without_end_are_read(tmp_path):
    whole = FILE.read_bytes()
    (tmp_path / "packed.gz").write_bytes(gzip.compress(whole))
    (tmp_path / "no_end").write_bytes(whole.rstrip(b"\n"))
    expected = read_all(modes_jsonl, FILE, TOULOUSE)
    for name in ("packed.gz", "no_end"):
        assert same_batches(read_all(modes_jsonl, tmp_path / name, TOULOUSE), expected)
    (tmp_path / "broken.gz").write_bytes(gzip.compress(whole)[:3000])
    results = read_all(modes_jsonl, tmp_path / "broken.gz", TOULOUSE)
    assert is_lawful(results)
    assert totals(results)[2][Reject.TRUNCATED] == 1


def test_live_the_line_says_when_and_the_frame_says_when_it_came():
    results = [opened(modes_jsonl, TOULOUSE)(Frame(42, b"".join(LINES)))]
    assert is_lawful(results)
    (batch,) = results[0].batches
    assert (batch.t_recv_ns == 42).all()
    recorded = read_all(modes_jsonl, FILE, TOULOUSE)
    assert rows_of(results) == rows_of(recorded)


def test_a_stream_is_cut_at_line_ends_and_not_kept_for_ever():
    cut = modes_jsonl.MANIFEST.cut
    assert cut(GOOD + b"\n" + GOOD[:20]) == len(GOOD) + 1
    assert cut(GOOD) == 0
    assert cut(bytearray(b"x" * 70_000)) == 70_000


def test_a_file_is_recognised_by_its_first_line():
    sniff = modes_jsonl.MANIFEST.sniff
    assert sniff(b"".join(LINES)[:65536], "x.jsonl")
    assert not sniff(b'{"time": "2024-06-06T00:00:00Z", "sensor": "rx"}\n', "table.jsonl")
    assert not sniff(b"\x1a\x33" + bytes(60), "x.bin")
    assert not sniff(b"", "x")


@given(st.lists(st.one_of(st.binary(max_size=80), st.sampled_from(LINES)), max_size=12))
def test_any_bytes_raise_nothing_and_nothing_is_lost(payloads):
    feed = opened(modes_jsonl)
    assert is_lawful([feed(Frame(k, payload)) for k, payload in enumerate(payloads)] or [feed(Frame(0, b""))])


def test_a_hundred_thousand_mutated_lines_raise_nothing(rng):
    feed = opened(modes_jsonl, TOULOUSE)
    records = measured = rejected = held = 0
    for k in range(500):
        lines = [bytearray(LINES[i]) for i in rng.integers(0, len(LINES), 200)]
        for line in lines:
            line[rng.integers(0, len(line) - 1)] = rng.integers(32, 127)
        result = feed(Frame(k, b"".join(lines)))
        records, held = records + result.records, result.held
        measured += sum(len(b) for b in result.batches)
        rejected += result.rejected.total()
    assert records == 100_000
    assert records == measured + rejected + held
