"""A batch or a tick as bytes, exactly, and back. The recording is made of these, so version 1 is read for ever.

One message, all numbers little-endian::

    offset  bytes
    0       4      b"LSC" and the version, 0x01
    4       4      H, length of the header, unsigned
    8       H      header: msgpack, see the structs below (arrays, fields in order)
    8 + H          zeros up to a multiple of 8
                   the columns of the batch, if there is one, each an unbroken run of rows:
                   t_meas_ns int64[N], t_recv_ns int64[N], z float64[N, D], sigma float64[N, D],
                   each attribute float64[N] in order of name, each text's codes int32[N] in order of name

Equal input gives equal bytes: attributes, texts and counts are sorted by name, and every NaN is written as
0x7ff8000000000000. Everything else comes back bit for bit, −0.0 and the names of ``Labels`` included.

Decoding is strict: any byte missing, left over or unknown is a ``DecodeError``. Nothing is allocated that the
message is not long enough to hold.
"""

import struct
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lowsky.errors import DecodeError, Truncated, Unsupported
from lowsky.model.measurement import ATTRIBUTES, DIM, TEXTS, Coverage, Labels, MeasurementBatch, MeasurementKind
from lowsky.model.ports import OperatorAction, SensorReport, Tick

MAGIC = b"LSC\x01"
_START = struct.Struct("<4sI")
_NAN = float("nan")

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Rows = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class _Text(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    name: str
    names: tuple[str, ...]


class _Coverage(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    t_from_ns: Int64
    t_to_ns: Int64
    range_min_m: float
    range_max_m: float
    azimuth_from_rad: float
    azimuth_to_rad: float
    elevation_from_rad: float
    elevation_to_rad: float


class _Batch(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    sensor: str
    kind: MeasurementKind
    n: Rows
    look: Int64
    coverage: _Coverage | None
    attributes: tuple[str, ...]
    texts: tuple[_Text, ...]


class _Tick(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The header of every message. A lone batch is a tick without time. The fourth element is there only where people
    acted: what nobody did is written as it was before there were actions."""

    t_ns: Int64 | None
    batch: _Batch | None
    reports: tuple[SensorReport, ...]
    actions: tuple[OperatorAction, ...] = ()


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_header = msgspec.msgpack.Decoder(_Tick)
_actions = msgspec.msgpack.Decoder(tuple[OperatorAction, ...])
_reports = msgspec.msgpack.Decoder(tuple[SensorReport, ...])


def encode_batch(batch: MeasurementBatch) -> bytes:
    """The batch as one message. Raises ``OverflowError`` for integers that do not fit 64 bits."""
    return _message(None, batch, ())


def encode_tick(tick: Tick) -> bytes:
    """The tick as one message. Raises ``OverflowError`` for integers that do not fit 64 bits."""
    return _message(tick.t_ns, tick.batch, tick.reports, tick.actions)


def decode_batch(payload: bytes) -> MeasurementBatch:
    """What ``encode_batch`` was given, arrays read-only and sharing ``payload``. Raises ``DecodeError``."""
    t_ns, batch, reports, actions = _read(payload)
    if t_ns is not None or batch is None or reports or actions:
        raise DecodeError("a tick where a batch was expected", 8, payload)
    return batch


def decode_tick(payload: bytes) -> Tick:
    """What ``encode_tick`` was given, arrays read-only and sharing ``payload``. Raises ``DecodeError``."""
    t_ns, batch, reports, actions = _read(payload)
    if t_ns is None:
        raise DecodeError("a batch where a tick was expected", 8, payload)
    return Tick(t_ns, batch, reports, actions)


def encode_reports(reports: tuple[SensorReport, ...]) -> bytes:
    """Reports alone, deterministic msgpack."""
    return _encoder.encode(reports)


def decode_reports(payload: bytes) -> tuple[SensorReport, ...]:
    """The inverse of ``encode_reports``. Raises ``DecodeError``."""
    try:
        return _reports.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise DecodeError("reports are not what they should be", 0, payload) from None


def encode_actions(actions: tuple[OperatorAction, ...]) -> bytes:
    """Actions alone, deterministic msgpack."""
    return _encoder.encode(actions)


def decode_actions(payload: bytes) -> tuple[OperatorAction, ...]:
    """The inverse of ``encode_actions``. Raises ``DecodeError``."""
    try:
        return _actions.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise DecodeError("actions are not what they should be", 0, payload) from None


def canonical(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same numbers, contiguous, every NaN the quiet positive one without payload."""
    missing = np.isnan(column)
    if missing.any():
        column = column.copy()
        column[missing] = _NAN
    return np.ascontiguousarray(column, "<f8")


def _message(
    t_ns: int | None,
    batch: MeasurementBatch | None,
    reports: tuple[SensorReport, ...],
    actions: tuple[OperatorAction, ...] = (),
) -> bytes:
    columns: list[bytes] = []
    about = None
    if batch is not None:
        attributes, texts = sorted(batch.attributes), sorted(batch.texts)
        about = _Batch(
            batch.sensor, batch.kind, len(batch), batch.look, _coverage_header(batch.coverage),
            tuple(attributes), tuple(_Text(name, batch.texts[name].names) for name in texts),
        )  # fmt: skip
        columns = [
            np.ascontiguousarray(batch.t_meas_ns, "<i8").tobytes(),
            np.ascontiguousarray(batch.t_recv_ns, "<i8").tobytes(),
            canonical(batch.z).tobytes(),
            canonical(batch.sigma).tobytes(),
        ]
        columns += [canonical(batch.attributes[name]).tobytes() for name in attributes]
        columns += [np.ascontiguousarray(batch.texts[name].codes, "<i4").tobytes() for name in texts]
    said = (t_ns, about, reports, actions) if actions else (t_ns, about, reports)
    header = _encoder.encode(said)
    padding = bytes(-len(header) % 8)
    return b"".join((_START.pack(MAGIC, len(header)), header, padding, *columns))


def _coverage_header(coverage: Coverage | None) -> _Coverage | None:
    if coverage is None:
        return None
    limits = (
        coverage.range_min_m, coverage.range_max_m, coverage.azimuth_from_rad, coverage.azimuth_to_rad,
        coverage.elevation_from_rad, coverage.elevation_to_rad,
    )  # fmt: skip
    # float(): an int in the dataclass would be written as an int and come back as a float
    return _Coverage(coverage.t_from_ns, coverage.t_to_ns, *(_NAN if v != v else float(v) for v in limits))


_Read = tuple[int | None, MeasurementBatch | None, tuple[SensorReport, ...], tuple[OperatorAction, ...]]


def _read(payload: bytes) -> _Read:
    if len(payload) < _START.size:
        raise Truncated("shorter than its start", len(payload), payload)
    magic, length = _START.unpack_from(payload)
    if magic[:3] != MAGIC[:3]:
        raise DecodeError("not a message of columns", 0, payload)
    if magic != MAGIC:
        raise Unsupported("a version of columns that is not read", 3, payload)
    end = _START.size + length
    start = end + -length % 8
    if len(payload) < start:
        raise Truncated("ends within its header", len(payload), payload)
    if any(payload[end:start]):
        raise DecodeError("padding is not zero", end, payload)
    try:
        header = _header.decode(memoryview(payload)[_START.size : end])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise DecodeError("header is not what it should be", _START.size, payload) from None
    if header.batch is None:
        if len(payload) != start:
            raise DecodeError("bytes left over", start, payload)
        return header.t_ns, None, header.reports, header.actions
    return header.t_ns, _batch(header.batch, payload, start), header.reports, header.actions


def _batch(about: _Batch, payload: bytes, start: int) -> MeasurementBatch:
    _check_names(about, payload)
    n, d = about.n, DIM[about.kind]
    needs = n * (8 * (2 + 2 * d + len(about.attributes)) + 4 * len(about.texts))
    if len(payload) - start != needs:
        fault = Truncated if len(payload) - start < needs else DecodeError
        raise fault("columns are not as long as their header says", min(len(payload), start + needs), payload)
    columns = _Columns(payload, start)
    t_meas_ns, t_recv_ns = columns.take("<i8", n), columns.take("<i8", n)
    z, sigma = columns.take("<f8", n * d).reshape(n, d), columns.take("<f8", n * d).reshape(n, d)
    attributes = {name: columns.take("<f8", n) for name in about.attributes}
    texts = {}
    for text in about.texts:
        codes = columns.take("<i4", n)
        if n and (int(codes.min()) < -1 or int(codes.max()) >= len(text.names)):
            raise DecodeError("a text's code has no name", start, payload)
        texts[text.name] = Labels(codes, text.names)
    coverage = None if about.coverage is None else Coverage(*_fields(about.coverage))
    return MeasurementBatch(
        about.sensor, about.kind, t_meas_ns, t_recv_ns, z, sigma, about.look, coverage, attributes, texts
    )


def _check_names(about: _Batch, payload: bytes) -> None:
    for found, known in ((about.attributes, ATTRIBUTES), ([text.name for text in about.texts], TEXTS)):
        if not known.keys() >= set(found):
            raise Unsupported("a column this version does not know", _START.size, payload)
        if list(found) != sorted(set(found)):
            raise DecodeError("columns are not in order of name", _START.size, payload)


def _fields(record: msgspec.Struct) -> Iterator[Any]:
    return (getattr(record, name) for name in record.__struct_fields__)


class _Columns:
    """Cuts columns off a message, one after the other."""

    def __init__(self, payload: bytes, offset: int) -> None:
        self._payload, self._offset = payload, offset

    def take(self, dtype: str, count: int) -> NDArray[Any]:
        column = np.frombuffer(self._payload, dtype, count, self._offset)
        self._offset += column.nbytes
        return column.astype(column.dtype.newbyteorder("="), copy=False)
