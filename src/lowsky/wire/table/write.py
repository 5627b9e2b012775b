"""Batches to a measurement table, by the same field table that reads it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lowsky.errors import ConfigError, Fault
from lowsky.model.measurement import MeasurementBatch, MeasurementKind
from lowsky.model.site import Site
from lowsky.wire.table.fields import COLUMNS_OF, NAMES, RAD, VALUES
from lowsky.wire.table.looks import metres_per_radian

_UTC = pa.timestamp("ns", tz="UTC")
FORMATS = (".parquet", ".arrow", ".feather", ".ipc", ".csv", ".jsonl", ".ndjson")


def type_of(column: str) -> pa.DataType:
    """Arrow type of a column as it is written."""
    if column in ("time", "received"):
        return _UTC
    if column == "look":
        return pa.int64()
    return pa.float64() if column in VALUES else pa.string()


def table_of(batches: Iterable[MeasurementBatch], site: Site) -> pa.Table:
    """One row per measurement, and one per look that saw nothing, in order of ``received`` (stable).

    Only columns that hold something are there. Raises ``ConfigError`` for a batch whose sensor the site does not
    have, or does not have of its kind. A batch that is empty and without coverage says nothing and has no row.
    """
    columns: dict[str, list[Any]] = {name: [] for name in NAMES}
    lengths: list[int] = []
    faults: dict[str, Fault] = {}
    known = {sensor.id: sensor.measures for sensor in site.sensors}
    for batch in batches:
        if known.get(batch.sensor) is not batch.kind:
            found = f"measurements of kind {batch.kind.name}"
            faults[batch.sensor] = Fault(f"sensor {batch.sensor}", found, "a sensor of the site that measures this")
            continue
        own = _columns_of(batch)
        if len(own["time"]):
            lengths.append(len(own["time"]))
            for name in NAMES:
                columns[name].append(own.get(name))
    if faults:
        raise ConfigError(list(faults.values()))
    used = [name for name in NAMES if name in ("time", "sensor") or any(part is not None for part in columns[name])]
    table = pa.table({name: _joined(name, columns[name], lengths) for name in used})
    received = table["received"].cast(pa.int64()).to_numpy() if lengths else np.empty(0, np.int64)
    return table if (np.diff(received) >= 0).all() else table.take(np.argsort(received, kind="stable"))


def _joined(name: str, parts: list[Any], lengths: list[int]) -> pa.ChunkedArray:
    dtype = type_of(name)
    arrays = [pa.nulls(n, dtype) if part is None else part.cast(dtype) for part, n in zip(parts, lengths)]
    return pa.chunked_array(arrays, dtype).combine_chunks()


def _columns_of(batch: MeasurementBatch) -> dict[str, Any]:
    """The batch's columns in the file's units, as Arrow arrays; columns without any value are left out."""
    n = len(batch)
    if n == 0:
        end_ns = [] if batch.coverage is None else [batch.coverage.t_to_ns]
        m = len(end_ns)
        times, received = pa.array(end_ns, pa.int64()), pa.array(end_ns, pa.int64())
    else:
        m, times, received = n, pa.array(batch.t_meas_ns), pa.array(batch.t_recv_ns)
    out = {"time": times, "received": received, "sensor": pa.array([batch.sensor] * m, pa.string())}
    if batch.look >= 0 or n == 0:
        out["look"] = pa.array(np.full(m, batch.look, np.int64))
    if n == 0:
        return out
    sigma = batch.sigma
    if batch.kind is MeasurementKind.REPORT:
        # east, north in metres → latitude, longitude in radians: the inverse of metres_of_sigma
        per_radian = metres_per_radian(batch.z[:, 0])
        sigma = np.column_stack((sigma[:, 1] / per_radian[:, 0], sigma[:, 0] / per_radian[:, 1], sigma[:, 2:]))
    for index, name in enumerate(COLUMNS_OF[batch.kind]):
        for column, values in ((name, batch.z[:, index]), (f"sigma_{name}", sigma[:, index])):
            if not np.isnan(values).all():
                scale = VALUES[column].scale
                out[column] = pa.array(values if scale == 1.0 else values / RAD, pa.float64(), from_pandas=True)
    for name, values in batch.attributes.items():
        out[name] = pa.array(values, pa.float64(), from_pandas=True)
    for name, labels in batch.texts.items():
        indices = pa.array(labels.codes, mask=labels.codes < 0)
        out[name] = pa.DictionaryArray.from_arrays(indices, pa.array(labels.names, pa.string())).cast(pa.string())
    return out


def write_measurements(batches: Iterable[MeasurementBatch], path: Path | str, site: Site) -> None:
    """Write a measurement table; the format is told by the suffix, one of FORMATS. Whole or not at all.

    Raises ``ConfigError`` (also for another suffix) or ``OSError``. ``read_measurements`` gives the same batches
    again, angles to the last digit or two, coverage from the site and the times of the rows.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ConfigError([Fault(str(path), f"suffix {path.suffix!r}", "one of " + ", ".join(FORMATS))])
    table = table_of(batches, site)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        _write(table, unfinished, path.suffix)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _write(table: pa.Table, path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pq.write_table(table, path, compression="zstd", row_group_size=131_072)
    elif suffix in (".arrow", ".feather", ".ipc"):
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=131_072)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(_csv_lines(table) if suffix == ".csv" else _json_lines(table))


def _texts(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows with times as ISO text to the nanosecond."""
    for batch in table.to_batches(max_chunksize=8192):
        columns = {}
        for name in batch.schema.names:
            column = batch.column(name)
            if name in ("time", "received"):
                whole = column.cast(pa.int64()).to_numpy().astype("datetime64[ns]")
                columns[name] = [f"{text}Z" for text in np.datetime_as_string(whole, unit="ns").tolist()]
            else:
                columns[name] = column.to_pylist()
        for values in zip(*columns.values()):
            yield dict(zip(columns, values))


def _json_lines(table: pa.Table) -> Iterator[str]:
    for row in _texts(table):
        given = {name: value for name, value in row.items() if value is not None}
        yield msgspec.json.encode(given).decode() + "\n"


def _csv_lines(table: pa.Table) -> Iterator[str]:
    yield ",".join(table.column_names) + "\r\n"
    for row in _texts(table):
        yield ",".join(_csv_cell(value) for value in row.values()) + "\r\n"


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    text = repr(value) if isinstance(value, float) else str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
