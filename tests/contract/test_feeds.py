"""FC-01 … FC-15: what every feed keeps, ours, third parties' and the template alike."""

import contextlib
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.cases import STEP_NS, all_names, feed_case, mutated, package_of
from fuzz.run import check
from lowsky import clock
from lowsky.errors import ConfigError, DecodeError
from lowsky.feeds.files import normalise
from lowsky.feeds.registry import feed_named, feed_names, head_of, sniff_file
from lowsky.feeds.transport.source import SCHEMES
from lowsky.feeds.transport.stream import Splitter
from lowsky.model.measurement import MeasurementKind
from lowsky.model.ports import Frame
from lowsky.model.site import SENSOR_KINDS


@pytest.fixture(params=all_names(), scope="module")
def case(request):
    return feed_case(request.param)


def run(case, payloads, t_recv_ns=None):
    """All results, with the sum law checked after each."""
    normaliser, results, held = case.normaliser(), [], 0
    t_ns = case.t_recv_ns if t_recv_ns is None else t_recv_ns
    records = accounted = 0
    for k, payload in enumerate(payloads):
        result = normalise(normaliser, Frame(t_ns + k * STEP_NS, payload, "test"), held)
        held = result.held
        records += result.records
        accounted += sum(len(batch) for batch in result.batches) + result.rejected.total()
        assert records == accounted + held
        results.append(result)
    return results


def batches(results):
    return [batch for result in results for batch in result.batches]


def columns(results):
    """All that came out, as something that can be compared."""
    return [
        (
            b.sensor, b.kind, b.look, b.coverage, b.t_meas_ns.tobytes(), b.t_recv_ns.tobytes(), b.z.tobytes(),
            b.sigma.tobytes(), sorted((name, a.tobytes()) for name, a in b.attributes.items()),
            sorted((name, [labels.text(row) for row in range(len(labels))]) for name, labels in b.texts.items()),
        )
        for b in batches(results)
    ]  # fmt: skip


def test_fc01_the_manifest_says_what_the_feed_is(case):
    manifest = case.package.MANIFEST
    assert manifest.name == case.name
    assert manifest.title
    assert manifest.sensor_kinds and set(manifest.sensor_kinds) <= set(SENSOR_KINDS)
    assert manifest.sources and set(manifest.sources) <= set(SCHEMES)


def test_fc02_an_unknown_key_of_the_site_file_is_refused_and_a_config_never_changes(case):
    with pytest.raises(msgspec.ValidationError, match="no_such_key"):
        msgspec.convert({"no_such_key": 1}, case.package.Config)
    fields = [field.name for field in msgspec.structs.fields(case.package.Config)]
    for name in fields:
        with pytest.raises(AttributeError):
            setattr(case.config, name, None)


def test_fc03_real_messages_give_measurements_the_sensor_could_have_made(case):
    results = run(case, case.messages)
    assert sum(len(batch) for batch in batches(results)) > 0
    for batch in batches(results):
        check(batch, case)
        if batch.kind == MeasurementKind.REPORT:
            positioned = batch.z[~np.isnan(batch.z[:, 0])]
            assert (np.abs(positioned[:, 0]) <= np.pi / 2).all()
            assert (np.abs(positioned[:, 1]) <= np.pi).all()
            assert (np.isnan(batch.z[:, 0]) == np.isnan(batch.z[:, 1])).all()
        else:
            azimuth = batch.z[:, 1 if batch.kind == MeasurementKind.RADAR else 0]
            azimuth = azimuth[~np.isnan(azimuth)]
            assert ((azimuth >= 0.0) & (azimuth < 2 * np.pi)).all()


def test_fc04_every_row_carries_the_time_its_frame_arrived(case):
    for k, result in enumerate(run(case, case.messages)):
        for batch in result.batches:
            held_back = batch.t_recv_ns < case.t_recv_ns + k * STEP_NS  # came with an earlier frame, waited for another
            assert (batch.t_recv_ns <= case.t_recv_ns + k * STEP_NS).all()
            assert (batch.t_recv_ns[held_back] >= case.t_recv_ns).all()


def test_fc05_an_empty_frame_makes_nothing_and_breaks_nothing(case):
    results = run(case, [b"", *case.messages])
    assert results[0].batches == () or list(results[0].batches) == []
    assert columns(results[1:]) == columns(run(case, case.messages, case.t_recv_ns + STEP_NS))


def test_fc06_a_message_cut_anywhere_raises_nothing_but_decode_error(case):
    longest = sorted(set(case.messages), key=len)[-5:]
    cut = [message[:n] for message in longest for n in range(0, len(message), max(1, len(message) // 64))]
    run(case, cut)


def test_fc07_random_bytes_raise_nothing_but_decode_error(case, rng):
    run(case, [rng.bytes(int(n)) for n in rng.integers(0, 300, 3000)])


def test_fc08_what_cannot_be_decoded_is_said_so_with_a_countable_reason(case):
    normaliser, reasons = case.normaliser(), Counter()
    for _, payload in zip(range(1000), mutated(case.messages, seed=8)):
        try:
            normaliser(Frame(case.t_recv_ns, payload, "test"))
        except DecodeError as error:
            reasons[error.reason] += 1
    assert len(reasons) < 50, f"reasons carry values: {list(reasons)[:5]}"


def test_fc09_a_bad_message_does_not_change_what_a_good_one_gives(case):
    noise = [payload for _, payload in zip(range(50), mutated([bytes(range(64))], seed=9))]
    alone = Counter(map(repr, columns(run(case, case.messages))))
    after = columns(run(case, noise + case.messages, case.t_recv_ns - len(noise) * STEP_NS))
    assert Counter(map(repr, after)) >= alone


def test_fc10_the_same_frames_give_the_same_batches(case):
    assert columns(run(case, case.messages)) == columns(run(case, case.messages))


def test_fc11_a_normaliser_asks_no_clock(case, monkeypatch):
    expected = columns(run(case, case.messages))

    def asked():
        raise AssertionError("a normaliser asked what time it is")

    for owner, name in ((time, "time"), (time, "time_ns"), (time, "monotonic"), (clock, "monotonic_s")):
        monkeypatch.setattr(owner, name, asked)
    got = columns(run(case, case.messages))
    monkeypatch.undo()
    assert got == expected


STREAMED = [name for name in all_names() if {"tcp", "tcp-listen"} & set(package_of(name).MANIFEST.sources)]


@pytest.mark.parametrize("case", STREAMED, indirect=True, scope="module")
def test_fc12_the_same_bytes_come_through_the_framing_however_they_are_chopped(case, rng):
    stream = b"".join(case.messages[:200])
    whole = run(case, framed(case, stream, len(stream)))
    for _ in range(5):
        chopped = run(case, framed(case, stream, int(rng.integers(1, 40))))
        assert sum(len(b) for b in batches(chopped)) == sum(len(b) for b in batches(whole)) > 0


def framed(case, stream, size):
    splitter, frames = Splitter(case.package.MANIFEST.cut), []
    for at in range(0, len(stream), size):
        messages, dropped = splitter.feed(stream[at : at + size])
        assert dropped == b""
        frames += [messages] if messages else []
    return frames


def test_fc13_framing_of_hostile_bytes_stays_inside_them(case):
    cut = case.package.MANIFEST.cut
    for _, payload in zip(range(1000), mutated(case.messages, seed=13)):
        for data in (payload, bytearray(payload), memoryview(payload)):
            with contextlib.suppress(DecodeError):
                assert 0 <= cut(data) <= len(payload)
    assert cut(b"") == 0


def test_fc14_only_the_feed_itself_claims_its_recorded_files(case, rng, tmp_path):
    sniff = case.package.MANIFEST.sniff
    for size in (0, 1, 7, 5000):
        assert sniff(rng.bytes(size), "noise.bin") in (True, False)
    if case.name in feed_names():
        assert case.files, "no recorded file in tests/feeds or among the demo's is of this feed"
    for path in case.files:
        assert sniff_file(path) == case.name
        head, name = head_of(path)
        others = [other for other in feed_names() if other != case.name]
        assert [other for other in others if feed_named(other).MANIFEST.sniff(head, name)] == []


def test_fc15_a_recorded_file_is_read_in_order_whole_cut_or_spoiled(case, rng, tmp_path):
    measured = 0
    for path in case.files:
        measured += account(case.read_file(path))
        original = path.read_bytes()
        for k in range(8):
            spoiled = bytearray(original)
            for at in rng.integers(0, len(spoiled), 20):
                spoiled[at] ^= int(rng.integers(1, 256))
            damaged = bytes(spoiled[: int(rng.integers(1, len(spoiled) + 1))])
            copy = tmp_path / f"{k}-{path.name}"
            copy.write_bytes(damaged)
            with contextlib.suppress(ConfigError):  # a container that cannot be opened at all is a fault of the file
                account(case.read_file(copy))
    assert measured > 0 or not case.files


def account(results):
    """Rows measured; the sum law is checked on the way."""
    records = accounted = held = rows = 0
    for result in results:
        records += result.records
        rows += sum(len(batch) for batch in result.batches)
        accounted += sum(len(batch) for batch in result.batches) + result.rejected.total()
        held = result.held
        assert records == accounted + held
    return rows
