"""History: bounded in bytes and in time, found by time, gone with its epoch."""

import numpy as np
import pytest
from tests.unit.serve.pictures import SECOND, T0, picture, snapshot

from lowsky.serve.columns import HISTORY, KEYFRAME
from lowsky.serve.frame import Encoder, unpack
from lowsky.serve.history import History


def fill(history, encoder, seconds, epoch=1, start=0.0):
    for step in range(int(seconds * 10)):
        encoder.update(
            picture(snapshot(t_ns=T0 + int((start + step / 10) * SECOND), identity=("me",) * 3), epoch=epoch)
        )
        history.take(encoder, b"{}")


def test_it_keeps_two_samples_of_each_second():
    history = History()
    fill(history, Encoder(), 10)
    assert len(history) == 20


def test_the_sample_of_a_time_is_the_last_one_before_it():
    history = History()
    fill(history, Encoder(), 10)
    assert history.at(T0 + int(3.7 * SECOND)).t_ns == T0 + int(3.5 * SECOND)
    assert history.at(T0 - SECOND).t_ns == T0
    assert history.at(T0 + 99 * SECOND).t_ns == T0 + int(9.5 * SECOND)


def test_a_sample_is_a_keyframe_that_says_it_is_history():
    history, encoder = History(), Encoder()
    fill(history, encoder, 2)
    state, keyframe = history.read(history.at(T0 + SECOND))
    frame = unpack(bytes(keyframe))
    assert state == b"{}"
    assert frame.header["flags"] == KEYFRAME | HISTORY
    assert frame.header["t_data"] == (T0 + SECOND) / 1e9
    assert frame.columns["id"].tolist() == [1, 2, 3]


def test_it_forgets_what_is_older_than_it_keeps():
    history = History(keep_ns=5 * SECOND)
    fill(history, Encoder(), 20)
    first, last = history.span_ns()
    assert last - first <= 5 * SECOND
    assert last == T0 + int(19.5 * SECOND)


def test_it_stays_within_its_bytes():
    history = History(keep_bytes=5000)
    fill(history, Encoder(), 60)
    assert 0 < history.bytes <= 5000
    assert history.span_ns()[1] == T0 + int(59.5 * SECOND)


@pytest.mark.parametrize("keep_bytes", [3001, 4096, 5003])
def test_every_sample_it_holds_reads_back_as_it_was_taken_wherever_the_ring_turns(keep_bytes):
    history, encoder, rng = History(keep_bytes=keep_bytes), Encoder(), np.random.default_rng(5)
    taken = {}
    for step in range(400):
        n, t_ns = int(rng.integers(1, 40)), T0 + step * SECOND
        encoder.update(picture(snapshot(t_ns=t_ns, ids=tuple(range(1, n + 1)), identity=("me",) * n)))
        taken[t_ns] = rng.bytes(int(rng.integers(0, 300))), n
        history.take(encoder, taken[t_ns][0])
        first, last = history.span_ns()
        assert last == t_ns
        held = range(first, last + 1, SECOND)
        assert len(held) == len(history)  # the newest, without a gap
        for t_ns in held:
            sample = history.at(t_ns)
            state, keyframe = history.read(sample)
            assert (state, unpack(bytes(keyframe)).header["rows"]) == taken[t_ns]
            assert sample.t_ns == t_ns
        assert history.bytes <= keep_bytes
    assert len(history) > 3


def test_a_sample_larger_than_its_memory_is_not_kept():
    history, encoder = History(keep_bytes=100), Encoder()
    fill(history, encoder, 3)
    assert len(history) == history.bytes == 0
    assert history.span_ns() is None


def test_a_new_epoch_clears_it():
    history, encoder = History(), Encoder()
    fill(history, encoder, 10)
    fill(history, encoder, 1, epoch=2, start=100.0)
    assert history.span_ns()[0] == T0 + 100 * SECOND
    assert len(history) == 2


def test_names_of_tracks_that_are_gone_are_kept():
    history, encoder = History(), Encoder()
    fill(history, encoder, 1)
    encoder.update(picture(snapshot(t_ns=T0 + 2 * SECOND, ids=(9,))))
    history.take(encoder, b"{}")
    assert history.labels[1].identity == "me"
    assert 1 not in encoder.labels


def test_tracks_without_a_name_leave_nothing_behind_and_a_name_that_is_withdrawn_is_gone():
    history, encoder = History(), Encoder()
    for step, identity in enumerate([(None, "me"), ("you", "me"), ("you", None)]):
        encoder.update(picture(snapshot(t_ns=T0 + step * SECOND, ids=(1, 2), identity=identity)))
        history.take(encoder, b"{}")
        assert {i: label.identity for i, label in history.labels.items()} == {
            i: name for i, name in zip((1, 2), identity, strict=True) if name
        }
    for step in range(50):
        encoder.update(picture(snapshot(t_ns=T0 + (5 + step) * SECOND, ids=(10 + step,))))
        history.take(encoder, b"{}")
    assert list(history.labels) == [1]


def test_an_empty_history_has_no_span_and_no_sample():
    assert History().span_ns() is None
    assert History().at(T0) is None
