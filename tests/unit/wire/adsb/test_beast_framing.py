"""Beast framing: frames in, the same frames out, whatever the cut and whatever is broken."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lowsky.wire.adsb.beast import COUNTER_HZ, MAX_ADVANCE, Ticks, complete_length, encode, split, times_from_counters

frames = st.tuples(
    st.integers(0, 2**48 - 1),
    st.integers(0, 255),
    st.sampled_from((2, 7, 14)).flatmap(
        lambda n: st.lists(st.sampled_from((0, 0x1A, 0x31, 0x8D)), min_size=n, max_size=n)
    ),
)
GOOD = encode(12_000, 77, bytes.fromhex("8d4840d6202cc371c32ce0576098"))


def columns(found):
    return [
        (int(c), int(v), bytes(p[:n])) for n, c, v, p in zip(found.length, found.counter, found.level, found.payload)
    ]


@given(st.lists(frames, max_size=8))
def test_what_is_encoded_is_read_back(given_frames):
    expected = [(c, v, bytes(p)) for c, v, p in given_frames]
    found = split(b"".join(encode(*frame) for frame in expected))
    assert columns(found) == expected
    assert (found.broken, found.unknown, found.cut_short) == (0, 0, 0)


@given(st.lists(frames, min_size=1, max_size=5), st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_a_stream_cut_anywhere_gives_the_same_frames(given_frames, sizes):
    stream = b"".join(encode(c, v, bytes(p)) for c, v, p in given_frames)
    found, buffer, at, k = [], b"", 0, 0
    while at < len(stream):
        size = sizes[k % len(sizes)]
        buffer, at, k = buffer + stream[at : at + size], at + size, k + 1
        n = complete_length(buffer)
        found += columns(split(buffer[:n]))
        buffer = buffer[n:]
    assert found == [(c, v, bytes(p)) for c, v, p in given_frames]
    assert buffer == b""


@given(st.binary(max_size=300))
def test_no_bytes_break_the_splitter_and_the_next_frame_is_found(noise):
    found = split(noise + b"\0" + GOOD)
    assert columns(found)[-1] == columns(split(GOOD))[0]
    assert complete_length(noise) <= len(noise)


def test_a_wrong_escape_loses_one_frame_and_is_counted():
    broken = GOOD[:10] + b"\x1a" + GOOD[11:]
    found = split(GOOD + broken + GOOD)
    assert len(found.length) == 2
    assert found.broken >= 1


def test_a_frame_of_another_type_is_skipped_whole_and_counted():
    status = b"\x1a\x34" + bytes(6) + b"\x05" + b"\x1a\x1a" + bytes(13)
    found = split(GOOD + status + GOOD)
    assert (len(found.length), found.unknown, found.broken) == (2, 1, 0)


def test_a_buffer_that_ends_inside_a_frame_says_so():
    for n in range(1, len(GOOD)):
        found = split(GOOD + GOOD[:n])
        assert (len(found.length), found.cut_short) == (1, 1)
        assert complete_length(GOOD + GOOD[:n]) == len(GOOD)


def test_an_endless_unknown_frame_is_not_kept_for_ever():
    assert complete_length(b"\x1a\x34" + bytes(5000)) == 5002
    assert complete_length(b"\x1a\x34" + bytes(50)) == 0


def test_times_follow_the_counter_and_its_wrap():
    top = 2**48
    ticks = np.array([0, top - 12_000, 0, 0 + 12_000, 36_000])
    times = times_from_counters(ticks, 5_000, Ticks())
    assert (times - 5_000).tolist() == [0, 0, 0, 2_000_000, 4_000_000]


def test_a_receiver_that_restarts_does_not_move_time():
    state = Ticks()
    times = times_from_counters(np.array([10**12, 10**12 + 12_000_000, 500, 12_000_500]), 0, state)
    assert times.tolist() == [0, 10**9, 10**9, 2 * 10**9]
    assert times_from_counters(np.array([12_000_500 + 12]), 0, state).tolist() == [2 * 10**9 + 1000]


def test_counters_that_are_made_up_lead_neither_past_int64_nor_before_the_start():
    hours = np.arange(1, 120_001, dtype=np.int64) * (3600 * COUNTER_HZ) % 2**48
    times = times_from_counters(hours, 0, Ticks())
    assert np.diff(times).min() >= 0
    assert 11.8 < times[-1] / (365.25 * 86_400e9) < MAX_ADVANCE / COUNTER_HZ / (365.25 * 86_400) + 1e-9
    seconds_back = 10**12 - np.arange(100, dtype=np.int64) * COUNTER_HZ
    assert times_from_counters(seconds_back, 10**12, Ticks()).min() == 10**12 - 10**9
