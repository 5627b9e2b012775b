"""The Beast feed: contract cases, golden file, hostile bytes."""

import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.feeds.beast.beast_site import HELSINKI, is_lawful, opened, read_all, rows_of, same_batches, totals

from lowsky.feeds import beast
from lowsky.model.measurement import Reject
from lowsky.model.ports import Frame
from lowsky.wire.adsb.beast import Ticks, complete_length, encode, split, times_from_counters

HERE = Path(__file__).parent
FILE = HERE / "helsinki_60s.bin"
GOLDEN = HERE / "helsinki_60s.json"
BYTES = FILE.read_bytes()


def test_the_golden_file_is_read_as_it_was():
    """Of the pseudonymised Helsinki recording the first minute, most of its status messages left out."""
    results = read_all(beast, FILE, HELSINKI)
    records, measured, rejected, held = totals(results)
    expected = json.loads(GOLDEN.read_text())
    assert {"records": records, "measured": measured, "held": held} == expected["totals"]
    assert {reason.name: n for reason, n in rejected.items()} == expected["rejected"]
    assert rows_of(results) == expected["rows"]
    assert is_lawful(results)


def test_nothing_comes_of_nothing(tmp_path):
    assert totals([opened(beast)(Frame(5, b""))]) == (0, 0, Counter(), 0)
    (tmp_path / "empty").write_bytes(b"")
    assert read_all(beast, tmp_path / "empty", HELSINKI) == []


@pytest.mark.parametrize("n", [1, 8, 100, 2000, len(BYTES) - 3])
def test_a_file_that_ends_early_is_read_to_there(tmp_path, n):
    (tmp_path / "cut").write_bytes(BYTES[:n])
    results = read_all(beast, tmp_path / "cut", HELSINKI)
    assert is_lawful(results)
    assert totals(results)[2][Reject.TRUNCATED] == (complete_length(BYTES[:n]) != n)


def test_gzip_is_read_through_also_a_broken_one(tmp_path):
    packed = gzip.compress(BYTES)
    (tmp_path / "whole").write_bytes(packed)
    assert same_batches(read_all(beast, tmp_path / "whole", HELSINKI), read_all(beast, FILE, HELSINKI))
    (tmp_path / "broken").write_bytes(packed[: len(packed) // 2])
    results = read_all(beast, tmp_path / "broken", HELSINKI)
    assert is_lawful(results)
    assert totals(results)[2][Reject.TRUNCATED] >= 1
    assert totals(results)[1] > 50


def test_live_and_recorded_find_the_same_rows():
    """Live all frames of a read have one time; given one read per frame with the recording's times, all is the same."""
    live = opened(beast)
    recorded = read_all(beast, FILE, HELSINKI)
    found = split(BYTES)
    t_ns = times_from_counters(found.counter, 0, Ticks())
    results = [
        live(Frame(int(t), encode(int(c), int(v), bytes(p[:n]))))
        for t, n, c, v, p in zip(t_ns, found.length, found.counter, found.level, found.payload, strict=True)
    ]
    assert rows_of(results) == rows_of(recorded)
    assert is_lawful(results)


def test_the_same_bytes_give_the_same_batches_and_every_row_says_when_it_came():
    first = [opened(beast)(Frame(7, BYTES))]
    assert same_batches(first, [opened(beast)(Frame(7, BYTES))])
    assert (first[0].batches[0].t_recv_ns == 7).all()


def test_start_moves_all_times():
    at_zero, later = read_all(beast, FILE, HELSINKI), read_all(beast, FILE, HELSINKI, start_ns=1_767_749_284 * 10**9)
    moved = [int(b.t_meas_ns[0]) for r in later for b in r.batches]
    assert np.ptp(np.array(moved) - np.array([int(b.t_meas_ns[0]) for r in at_zero for b in r.batches])) == 0
    assert moved[0] > 1_767_749_284 * 10**9


def test_a_file_is_recognised_by_its_frames():
    assert beast.MANIFEST.sniff(BYTES[:65536], "x.bin")
    assert not beast.MANIFEST.sniff(b"\x1a" * 100, "x.bin")
    assert not beast.MANIFEST.sniff(b'{"timestamp": 1.0, "frame": "8d"}\n', "x.bin")
    assert not beast.MANIFEST.sniff(b"", "x.bin")


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_random_bytes_raise_nothing_and_nothing_is_lost(payloads):
    feed = opened(beast)
    assert is_lawful([feed(Frame(k, payload)) for k, payload in enumerate(payloads)] or [feed(Frame(0, b""))])


def test_a_hundred_thousand_random_strings_raise_nothing(rng):
    feed = opened(beast)
    records = measured = rejected = held = 0
    for k in range(1000):
        noise = rng.integers(0, 256, 2200, np.uint8)
        noise[::22], noise[1::22] = 0x1A, 0x33  # so that a hundred are taken for frames
        noise[9::22] = rng.choice([0x8D, 0x90, 0x5D, 0x20], 100)
        result = feed(Frame(k * 10**8, noise.tobytes()))
        records, held = records + result.records, result.held
        measured += sum(len(b) for b in result.batches)
        rejected += result.rejected.total()
    assert records >= 80_000
    assert records == measured + rejected + held


def test_broken_frames_between_good_ones_cost_only_themselves():
    good = [encode(k * 12_000, 50, bytes.fromhex("8d4840d6202cc371c32ce0576098")) for k in range(4)]
    stream = good[0] + good[1][:-4] + good[2] + b"junk" + b"\x1a\x39odd" + good[3]
    result = opened(beast)(Frame(0, stream))
    assert result.rejected[Reject.NOT_A_MEASUREMENT] == 3
    assert result.rejected[Reject.UNSUPPORTED] == 1
    assert is_lawful([result])
