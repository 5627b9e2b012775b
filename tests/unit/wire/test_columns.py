"""Batches and ticks as bytes: exact both ways, and strict with what is not ours."""

import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lowsky.errors import DecodeError, Truncated, Unsupported
from lowsky.model.measurement import ATTRIBUTES, DIM, TEXTS, Coverage, Labels, MeasurementBatch, MeasurementKind
from lowsky.model.ports import SensorReport, Tick
from lowsky.wire.columns import decode_batch, decode_tick, encode_batch, encode_tick

INT64 = st.integers(-(2**63), 2**63 - 1)
ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True, width=64)


def columns(n, d=None):
    return hnp.arrays(np.float64, n if d is None else (n, d), elements=ANY_FLOAT)


@st.composite
def labels(draw, n):
    names = draw(st.lists(st.text(max_size=6), max_size=3))
    codes = draw(hnp.arrays(np.int32, n, elements=st.integers(-1, len(names) - 1)))
    return Labels(codes, tuple(names))


@st.composite
def batches(draw):
    kind = draw(st.sampled_from(MeasurementKind))
    n, d = draw(st.integers(0, 4)), DIM[kind]
    times = hnp.arrays(np.int64, n, elements=INT64)
    coverage = st.builds(Coverage, INT64, INT64, *[ANY_FLOAT] * 6)
    return MeasurementBatch(
        draw(st.text(max_size=8)),
        kind,
        draw(times),
        draw(times),
        draw(columns(n, d)),
        draw(columns(n, d)),
        draw(INT64),
        draw(st.none() | coverage),
        {name: draw(columns(n)) for name in draw(st.sets(st.sampled_from(sorted(ATTRIBUTES)), max_size=3))},
        {name: draw(labels(n)) for name in draw(st.sets(st.sampled_from(sorted(TEXTS)), max_size=3))},
    )


REPORTS = st.lists(
    st.builds(
        SensorReport,
        sensor=st.text(max_size=5),
        t_ns=INT64,
        connected=st.booleans(),
        detail=st.text(max_size=5),
        counts=st.dictionaries(st.text(max_size=4), st.integers(0, 2**63 - 1), max_size=3),
    ),
    max_size=2,
)


def bits(a):
    """The array's bytes with every NaN alike: what must come back."""
    return np.where(np.isnan(a), np.nan, a).tobytes() if a.dtype == np.float64 else a.tobytes()


def assert_same(a, b):
    assert (a.sensor, a.kind, a.look) == (b.sensor, b.kind, b.look)
    assert repr(a.coverage) == repr(b.coverage)
    for name in ("t_meas_ns", "t_recv_ns", "z", "sigma"):
        left, right = getattr(a, name), getattr(b, name)
        assert left.dtype == right.dtype
        assert left.shape == right.shape
        assert bits(left) == bits(right)
    assert {k: bits(v) for k, v in a.attributes.items()} == {k: bits(v) for k, v in b.attributes.items()}
    assert {k: (v.codes.tolist(), v.names) for k, v in a.texts.items()} == {
        k: (v.codes.tolist(), v.names) for k, v in b.texts.items()
    }


def plots(n=3):
    rng = np.random.default_rng(1)
    return MeasurementBatch(
        "radar-1",
        MeasurementKind.RADAR,
        np.arange(n, dtype=np.int64),
        np.arange(n, dtype=np.int64) + 5,
        rng.normal(size=(n, 4)),
        np.full((n, 4), np.nan),
        look=9,
        attributes={"snr_db": rng.normal(size=n)},
        texts={"identity": Labels.of(["3c6444", None, "3c6444"][:n])},
    )


@given(batches())
def test_a_batch_comes_back_bit_for_bit(batch):
    payload = encode_batch(batch)
    back = decode_batch(payload)
    assert_same(batch, back)
    assert encode_batch(back) == payload


@given(INT64, st.none() | batches(), REPORTS)
def test_a_tick_comes_back_bit_for_bit(t_ns, batch, reports):
    tick = Tick(t_ns, batch, tuple(reports))
    payload = encode_tick(tick)
    back = decode_tick(payload)
    assert (back.t_ns, back.reports) == (t_ns, tuple(reports))
    if batch is None:
        assert back.batch is None
    else:
        assert_same(batch, back.batch)
    assert encode_tick(back) == payload


def test_equal_batches_give_equal_bytes_whatever_the_order_of_their_columns():
    batch = plots()
    snr, rcs = batch.attributes["snr_db"], np.array([1.0, 2.0, 3.0])
    a = MeasurementBatch(
        "r", batch.kind, batch.t_meas_ns, batch.t_recv_ns, batch.z, batch.sigma,
        attributes={"snr_db": snr, "rcs_dbsm": rcs},
    )  # fmt: skip
    b = MeasurementBatch(
        "r", batch.kind, batch.t_meas_ns, batch.t_recv_ns, batch.z, batch.sigma,
        attributes={"rcs_dbsm": rcs, "snr_db": snr},
    )  # fmt: skip
    assert encode_batch(a) == encode_batch(b)


def test_every_nan_is_written_alike():
    batch = plots()
    odd = batch.sigma.copy()
    odd.view(np.int64)[:] = 0x7FF8_0000_0000_0BAD
    other = MeasurementBatch(
        batch.sensor, batch.kind, batch.t_meas_ns, batch.t_recv_ns, batch.z, odd, batch.look, None,
        batch.attributes, batch.texts,
    )  # fmt: skip
    assert encode_batch(other) == encode_batch(batch)


def test_columns_that_are_views_are_written_as_their_rows():
    wide = np.arange(24.0).reshape(3, 8)
    batch = MeasurementBatch(
        "r", MeasurementKind.RADAR, np.arange(6, dtype=np.int64)[::2], np.arange(3, dtype=np.int64),
        wide[:, ::2], wide[:, 1::2],
    )  # fmt: skip
    assert decode_batch(encode_batch(batch)).z.tolist() == wide[:, ::2].tolist()


def test_decoded_arrays_cannot_be_written_and_are_aligned():
    for length in range(1, 9):  # header lengths of every remainder
        batch = plots()
        back = decode_batch(encode_batch(MeasurementBatch(
            "r" * length, batch.kind, batch.t_meas_ns, batch.t_recv_ns, batch.z, batch.sigma
        )))  # fmt: skip
        assert back.z.flags.aligned
        assert not back.z.flags.writeable
        assert back.z.flags.c_contiguous


def test_every_truncation_is_refused():
    payload = encode_tick(Tick(7, plots(), (SensorReport(sensor="r", t_ns=1, connected=True),)))
    for end in range(len(payload)):
        with pytest.raises(DecodeError):
            decode_tick(payload[:end])


def test_left_over_bytes_are_refused():
    for payload in (encode_tick(Tick(7, plots())), encode_tick(Tick(7))):
        with pytest.raises(DecodeError):
            decode_tick(payload + b"\0" * 8)


def test_a_later_version_is_refused_by_name():
    payload = bytearray(encode_batch(plots()))
    payload[3] = 2
    with pytest.raises(Unsupported):
        decode_batch(bytes(payload))


def test_a_batch_is_not_taken_for_a_tick_nor_a_tick_for_a_batch():
    with pytest.raises(DecodeError):
        decode_tick(encode_batch(plots()))
    with pytest.raises(DecodeError):
        decode_batch(encode_tick(Tick(1, plots())))


def with_header(header, columns=b""):
    packed = msgspec.msgpack.encode(header)
    return struct.pack("<4sI", b"LSC\x01", len(packed)) + packed + bytes(-len(packed) % 8) + columns


def test_a_huge_row_count_is_refused_without_allocating():
    with pytest.raises(Truncated):
        decode_batch(with_header([None, ["r", 1, 2**40, -1, None, [], []], []]))


@pytest.mark.parametrize(
    "batch",
    [
        ["r", 1, 1, -1, None, ["no_such"], []],
        ["r", 1, 1, -1, None, ["snr_db", "snr_db"], []],
        ["r", 1, 1, -1, None, ["snr_db", "rcs_dbsm"], []],
        ["r", 1, 1, -1, None, [], [["no_such", []]]],
        ["r", 9, 1, -1, None, [], []],
        ["r", 1, -1, -1, None, [], []],
        ["r", 1, 1, 2**63, None, [], []],
        ["r", 1, 1, -1, [0, 0], [], []],
        [1, 1, 1, -1, None, [], []],
    ],
)
def test_a_header_that_cannot_be_is_refused(batch):
    with pytest.raises(DecodeError):
        decode_batch(with_header([None, batch, []], bytes(8 * 12)))


def test_a_code_without_a_name_is_refused():
    for code in (-2, 1):
        columns_ = bytes(8 * 10) + struct.pack("<i", code)
        with pytest.raises(DecodeError):
            decode_batch(with_header([None, ["r", 1, 1, -1, None, [], [["identity", ["a"]]]], []], columns_))


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_decode_error(payload):
    for decode in (decode_batch, decode_tick):
        for candidate in (payload, b"LSC\x01" + payload):
            with pytest.raises(DecodeError):
                decode(candidate)


def test_flipped_bytes_raise_nothing_but_decode_error(rng):
    payload = np.frombuffer(
        encode_tick(Tick(7, plots(), (SensorReport(sensor="r", t_ns=1, connected=True),))), np.uint8
    )
    decoded = 0
    for _ in range(20_000):
        mutated = payload.copy()
        where = rng.integers(0, len(payload), rng.integers(1, 4))
        mutated[where] = rng.integers(0, 256, len(where))
        try:
            decode_tick(mutated.tobytes())
            decoded += 1
        except DecodeError:
            pass
    assert 0 < decoded < 20_000  # a changed number in a column is still a number
