"""A finished segment: one row per tick in Parquet, exact (FORMAT.md)."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lowsky.errors import DecodeError, RecordError
from lowsky.model.measurement import (
    ATTRIBUTES,
    COMPONENTS,
    TEXTS,
    Coverage,
    Labels,
    MeasurementBatch,
    MeasurementKind,
)
from lowsky.model.ports import OperatorAction, Tick
from lowsky.record.catalog import Gap
from lowsky.wire.columns import decode_actions, decode_reports, encode_actions, encode_reports

COMPONENT_NAMES = tuple(dict.fromkeys(name for names in COMPONENTS.values() for name in names))
COVERAGE_NAMES = tuple(f.name for f in fields(Coverage))
MAX_GROUP_TICKS, MAX_GROUP_ROWS = 20_000, 100_000  # of a row group: what a seek reads at most, some MB
MAX_GROUP_BYTES = 1 << 30
_FLOATS = pa.list_(pa.float64())
SCHEMA = pa.schema(
    [("t_ns", pa.int64()), ("reports", pa.binary()), ("actions", pa.binary())]
    + [("sensor", pa.string()), ("kind", pa.int8()), ("look", pa.int64())]
    + [(f"coverage_{name}", pa.int64() if name.endswith("_ns") else pa.float64()) for name in COVERAGE_NAMES]
    + [("t_meas_ns", pa.list_(pa.int64())), ("t_recv_ns", pa.list_(pa.int64()))]
    + [(prefix + name, _FLOATS) for prefix in ("", "sigma_") for name in COMPONENT_NAMES]
    + [(name, _FLOATS) for name in ATTRIBUTES]
    + [(name + "_codes", pa.list_(pa.int32())) for name in TEXTS]
    + [(name + "_names", pa.list_(pa.string())) for name in TEXTS]
)  # fmt: skip


class _ListColumn:
    """Collects the lists of one column, None where a tick has none."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype
        self._parts: list[Any] = []
        self._lengths: list[int] = [0]
        self._missing: list[bool] = []

    def add(self, part: Any | None) -> None:
        self._missing.append(part is None)
        self._lengths.append(0 if part is None else len(part))
        if part is not None:
            self._parts.append(part)

    def array(self, item: pa.DataType) -> pa.Array:
        offsets = pa.array(np.cumsum(self._lengths, dtype=np.int32))
        if item == pa.string():
            values = pa.array([text for part in self._parts for text in part], item)
        else:
            values = pa.array(np.concatenate(self._parts) if self._parts else np.empty(0, self._dtype), item)
        return pa.ListArray.from_arrays(offsets, values, mask=pa.array(self._missing, pa.bool_()))


def table_of(ticks: list[Tick]) -> pa.Table:
    """The ticks as rows of ``SCHEMA``."""
    plain: dict[str, list[Any]] = {f.name: [] for f in SCHEMA if not pa.types.is_list(f.type)}
    lists = {f.name: _ListColumn(f.type.value_type.to_pandas_dtype()) for f in SCHEMA if pa.types.is_list(f.type)}
    for tick in ticks:
        batch = tick.batch
        plain["t_ns"].append(tick.t_ns)
        plain["reports"].append(encode_reports(tick.reports) if tick.reports else None)
        plain["actions"].append(encode_actions(tick.actions) if tick.actions else None)
        plain["sensor"].append(batch.sensor if batch is not None else None)
        plain["kind"].append(int(batch.kind) if batch is not None else None)
        plain["look"].append(batch.look if batch is not None else None)
        coverage = batch.coverage if batch is not None else None
        for name in COVERAGE_NAMES:
            plain[f"coverage_{name}"].append(getattr(coverage, name) if coverage is not None else None)
        own = _lists_of(batch) if batch is not None else {}
        for name, column in lists.items():
            column.add(own.get(name))
    arrays = [
        lists[f.name].array(f.type.value_type)
        if f.name in lists
        else pa.array(plain[f.name], f.type, from_pandas=False)
        for f in SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _lists_of(batch: MeasurementBatch) -> dict[str, Any]:
    own: dict[str, Any] = {"t_meas_ns": batch.t_meas_ns, "t_recv_ns": batch.t_recv_ns, **batch.attributes}
    for column, name in enumerate(COMPONENTS[batch.kind]):
        own[name] = batch.z[:, column]
        own["sigma_" + name] = batch.sigma[:, column]
    for name, labels in batch.texts.items():
        own[name + "_codes"], own[name + "_names"] = labels.codes, labels.names
    return own


class _Lists:
    """The lists of one column of a row group, cut without copying."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        array = column.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
        self.any = array.null_count < len(array)
        if not self.any:
            return
        if array.values.null_count:
            raise RecordError("a list holds null where a value belongs")
        self._valid = array.is_valid().to_numpy(zero_copy_only=False)
        self._offsets = array.offsets.to_numpy()
        is_text = pa.types.is_string(column.type.value_type)
        self._values = array.values.to_pylist() if is_text else array.values.to_numpy()

    def at(self, row: int) -> Any | None:
        if not self.any or not self._valid[row]:
            return None
        return self._values[self._offsets[row] : self._offsets[row + 1]]


def ticks_of(table: pa.Table) -> Iterator[Tick]:
    """The inverse of ``table_of``. Raises ``RecordError`` where the table is not what FORMAT.md says."""
    try:
        plain = {f.name: table[f.name].to_pylist() for f in table.schema if not pa.types.is_list(f.type)}
        lists = {f.name: _Lists(table[f.name]) for f in table.schema if pa.types.is_list(f.type)}
        if None in plain["t_ns"]:
            raise ValueError("a tick without a time")
        for row in range(len(table)):
            blob = plain["reports"][row]
            reports = decode_reports(blob) if blob is not None else ()
            acted = plain["actions"][row] if "actions" in plain else None  # not in segments of before there were any
            actions = decode_actions(acted) if acted is not None else ()
            batch = None if plain["sensor"][row] is None else _batch(plain, lists, row)
            yield Tick(plain["t_ns"][row], batch, reports, actions)
    except (DecodeError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise RecordError(f"a row is not a tick: {error}") from error


def _batch(plain: dict[str, list[Any]], lists: dict[str, _Lists], row: int) -> MeasurementBatch:
    kind = MeasurementKind(plain["kind"][row])
    limits = [plain[f"coverage_{name}"][row] for name in COVERAGE_NAMES]
    t_meas_ns = lists["t_meas_ns"].at(row)
    t_recv_ns = lists["t_recv_ns"].at(row)
    found = [lists[prefix + name].at(row) for prefix in ("", "sigma_") for name in COMPONENTS[kind]]
    columns = [column for column in found if column is not None]
    if t_meas_ns is None or t_recv_ns is None or len(columns) < len(found):
        raise ValueError("a column of its kind is missing")
    if limits[0] is not None and None in limits:
        raise ValueError("half a coverage")
    d = len(columns) // 2
    attributes = {name: lists[name].at(row) for name in ATTRIBUTES if name in lists}
    texts = {}
    for name in TEXTS:
        codes = lists[name + "_codes"].at(row) if name + "_codes" in lists else None
        if codes is not None:
            names = tuple(lists[name + "_names"].at(row) or ())
            if len(codes) and not -1 <= int(codes.min()) <= int(codes.max()) < len(names):
                raise ValueError("a text's code has no name")
            texts[name] = Labels(codes, names)
    return MeasurementBatch(
        plain["sensor"][row], kind, t_meas_ns, t_recv_ns,
        np.stack(columns[:d], axis=1), np.stack(columns[d:], axis=1), plain["look"][row],
        None if limits[0] is None else Coverage(*limits),
        {name: column for name, column in attributes.items() if column is not None}, texts,
    )  # fmt: skip


def write(path: Path, ticks: Iterable[Tick], meta: dict[str, str], gaps: list[Gap]) -> None:
    """A whole finished segment at ``path``. Raises ``OSError`` or ``pa.ArrowException``."""
    told = [{f.name: getattr(gap, f.name) for f in fields(Gap) if f.name != "segment"} for gap in gaps]
    schema = SCHEMA.with_metadata({**meta, "gaps": msgspec.json.encode(told)})
    leaves = [f"{f.name}.list.element" for f in SCHEMA if f.type == _FLOATS]
    with pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=6, use_dictionary=["sensor"],
        use_byte_stream_split=leaves, write_statistics=["t_ns"],
        column_encoding={f"{name}.list.element": "DELTA_BINARY_PACKED" for name in ("t_meas_ns", "t_recv_ns")}
        | {"t_ns": "DELTA_BINARY_PACKED"},
    ) as writer:  # fmt: skip
        for group in _groups(ticks):
            writer.write_table(table_of(group).cast(schema), row_group_size=MAX_GROUP_TICKS)


def _groups(ticks: Iterable[Tick]) -> Iterator[list[Tick]]:
    group: list[Tick] = []
    rows = 0
    for tick in ticks:
        group.append(tick)
        rows += len(tick.batch) if tick.batch is not None else 0
        if len(group) >= MAX_GROUP_TICKS or rows >= MAX_GROUP_ROWS:
            yield group
            group, rows = [], 0
    if group:
        yield group


class FinishedSegment:
    """A Parquet segment, opened for reading. Raises ``RecordError`` where it cannot be one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = pq.ParquetFile(path)
            found = self._file.schema_arrow
        except (OSError, ValueError, pa.ArrowException) as error:  # ValueError: a name that is not UTF-8
            raise RecordError(f"{path}: cannot be read: {error}") from error
        for f in found:
            if f.name not in SCHEMA.names or SCHEMA.field(f.name).type != f.type:
                raise RecordError(f"{path}: column {f.name} ({f.type}) is not of a recording of this version")
        self.meta = {k.decode(errors="replace"): v.decode(errors="replace") for k, v in (found.metadata or {}).items()}

    def __enter__(self) -> "FinishedSegment":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _group_spans(self) -> list[tuple[int, int]]:
        column = self._file.schema_arrow.get_field_index("t_ns")
        metadata = self._file.metadata
        spans = []
        for group in range(metadata.num_row_groups):
            statistics = metadata.row_group(group).column(column).statistics if column == 0 else None
            if statistics is None or not statistics.has_min_max:
                raise RecordError(f"{self.path}: has no index of times")
            if metadata.row_group(group).num_rows > MAX_GROUP_TICKS or not (
                0 <= metadata.row_group(group).total_byte_size <= MAX_GROUP_BYTES
            ):
                raise RecordError(f"{self.path}: row group {group} is larger than lowsky writes")
            spans.append((statistics.min, statistics.max))
        return spans

    def span_ns(self) -> tuple[int, int] | None:
        spans = self._group_spans()
        return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None

    def gaps(self, number: int) -> list[Gap]:
        try:
            told = msgspec.json.decode(self.meta.get("gaps", "[]"), type=list[dict[str, int | str]])
            return [Gap(segment=number, **gap) for gap in told]  # type: ignore[arg-type]
        except (msgspec.DecodeError, TypeError) as error:
            raise RecordError(f"{self.path}: gaps cannot be read: {error}") from error

    def actions(self, until_ns: int | None) -> Iterator[OperatorAction]:
        """What people did before a time, in order: of the other columns nothing is read."""
        if "actions" not in self._file.schema_arrow.names:  # of before there were any
            return
        for group, (low, _) in enumerate(self._group_spans()):
            if until_ns is not None and low >= until_ns:
                continue
            try:
                table = self._file.read_row_group(group, ["t_ns", "actions"])
                acted = table.filter(pc.is_valid(table["actions"])).to_pylist()
                for row in acted:
                    if until_ns is None or row["t_ns"] < until_ns:
                        yield from decode_actions(row["actions"])
            except (DecodeError, OSError, TypeError, ValueError, pa.ArrowException) as error:
                raise RecordError(f"{self.path}: row group {group} is damaged: {error}") from error

    def ticks(self, from_ns: int | None = None, skip: int = 0) -> Generator[Tick, None, None]:
        """Ticks in order, from the first row group that reaches ``from_ns``, or behind the first ``skip`` ticks."""
        spans = self._group_spans()
        start = 0
        if from_ns is not None:
            start = next((group for group, (_, high) in enumerate(spans) if high >= from_ns), len(spans))
        for group in range(start, len(spans)):
            rows = self._file.metadata.row_group(group).num_rows
            if skip >= rows:
                skip -= rows
                continue
            try:
                table = self._file.read_row_group(group)
            except (OSError, ValueError, pa.ArrowException) as error:
                raise RecordError(f"{self.path}: row group {group} is damaged: {error}") from error
            yield from islice(ticks_of(table), skip, None)
            skip = 0
