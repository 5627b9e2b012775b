"""Arrow tables to rows: types are checked once, then columns are taken without copying where that goes."""

from collections import Counter

import numpy as np
import pyarrow as pa

from lowsky.errors import Fault
from lowsky.model.measurement import TEXTS, Floats, Ints, Labels
from lowsky.wire.table.fields import NAMES, VALUES, expected_of, unknown_column
from lowsky.wire.table.rows import Mask, Rows
from lowsky.wire.table.verdict import T_MAX_NS

_UNIT_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


def faults_of(schema: pa.Schema, name: str, needs_sensor: bool = True) -> list[Fault]:
    """Everything that is wrong with the columns of a file called ``name``."""
    faults = names_faults(schema.names, name, needs_sensor)
    for column in schema:
        if column.name in NAMES and not pa.types.is_null(column.type) and not _fits(column.name, column.type):
            faults.append(Fault(f"{name}: column {column.name}", str(column.type), expected_of(column.name)))
    return faults


def names_faults(names: list[str], name: str, needs_sensor: bool = True) -> list[Fault]:
    """Unknown, double and missing columns."""
    faults = []
    times = Counter(names)
    for column in times:
        if column not in NAMES:
            faults.append(Fault(f"{name}: column {column[:80]}", *unknown_column(column)))
        if times[column] > 1:
            faults.append(Fault(f"{name}: column {column[:80]}", f"it {times[column]} times", "it once"))
    for required in ("time", "sensor") if needs_sensor else ("time",):
        if required not in names:
            faults.append(Fault(f"{name}: column {required}", "nothing", expected_of(required)))
    return faults


def _fits(column: str, dtype: pa.DataType) -> bool:
    if column in ("time", "received"):
        return bool(pa.types.is_timestamp(dtype))
    if column == "look":
        return bool(pa.types.is_integer(dtype))
    if column in VALUES:
        return bool(pa.types.is_floating(dtype) or pa.types.is_integer(dtype))
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype))


def rows_of(batch: pa.RecordBatch) -> Rows:
    """The rows of a record batch whose schema has no faults. Strings that are not UTF-8: ``pa.ArrowException``."""
    n = batch.num_rows
    columns = {name: batch.column(name) for name in batch.schema.names}
    time_ns, has_time = _times(columns["time"])
    received_ns = time_ns
    if "received" in columns:
        received_ns, has_received = _times(columns["received"])
        received_ns = received_ns if has_received.all() else np.where(has_received, received_ns, time_ns)
    look, has_look = _looks(columns["look"]) if "look" in columns else (np.full(n, -1), np.zeros(n, np.bool_))
    sensor = _labels(columns["sensor"]) if "sensor" in columns else Labels(np.full(n, -1, np.int32), ())
    return Rows(
        time_ns, received_ns, has_time, sensor, look, has_look, np.zeros(n, np.bool_),
        {name: _floats(columns[name]) for name in columns if name in VALUES},
        {name: _labels(columns[name]) for name in columns if name in TEXTS},
    )  # fmt: skip


def _valid(column: pa.Array) -> Mask:
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def _times(column: pa.Array) -> tuple[Ints, Mask]:
    """Nanoseconds of UTC (naive timestamps are UTC). Of coarser units, −1 outside 1970 to 2200, lest they overflow."""
    valid = _valid(column)
    if pa.types.is_null(column.type):
        return np.full(len(column), -1), np.zeros(len(column), np.bool_)
    unit_ns = _UNIT_NS[column.type.unit]
    counts = column.view(pa.int64())
    ticks = (counts.fill_null(-1) if counts.null_count else counts).to_numpy()
    if unit_ns == 1:
        return ticks, valid
    possible = (ticks >= 0) & (ticks < T_MAX_NS // unit_ns)
    return np.where(possible, np.where(possible, ticks, 0) * unit_ns, -1), valid


def _looks(column: pa.Array) -> tuple[Ints, Mask]:
    if pa.types.is_null(column.type):
        return np.full(len(column), -1), np.zeros(len(column), np.bool_)
    whole = column.cast(pa.int64())  # an unsigned number beyond int64 is no look number: ArrowInvalid
    return (whole.fill_null(-1) if whole.null_count else whole).to_numpy(), _valid(column)


def _floats(column: pa.Array) -> Floats:
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _labels(column: pa.Array) -> Labels:
    if pa.types.is_null(column.type):
        return Labels(np.full(len(column), -1, np.int32), ())
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    indices = column.indices.cast(pa.int32())
    codes = (indices.fill_null(-1) if indices.null_count else indices).to_numpy()
    # a dictionary may hold null or one text twice: such codes are brought together
    names = column.dictionary.cast(pa.string()).to_pylist()
    if None not in names and len(set(names)) == len(names):
        return Labels(codes, tuple(names))
    index = {name: code for code, name in enumerate(dict.fromkeys(n for n in names if n is not None))}
    renumbered = np.array([index.get(name, -1) for name in names] + [-1], np.int32)
    return Labels(renumbered[codes], tuple(index))
