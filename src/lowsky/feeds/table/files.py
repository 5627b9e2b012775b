"""Files of the four formats as chunks of rows in order of ``received``."""

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lowsky.errors import ConfigError, Fault
from lowsky.feeds.files import GZIP_MAGIC
from lowsky.model.measurement import Reject
from lowsky.wire.table import text
from lowsky.wire.table.arrow import faults_of, names_faults, rows_of
from lowsky.wire.table.fields import NAMES
from lowsky.wire.table.rows import Rows, joined

PARQUET, ARROW = b"PAR1", b"ARROW1\0\0"
CHUNK_ROWS = 131_072
CHUNK_BYTES = 4 << 20  # of JSON lines
CHUNK_CSV_ROWS = 16_384
_BOM = b"\xef\xbb\xbf"

Chunk = tuple[Rows, Counter[Reject]]


def sniff(head: bytes, name: str) -> bool:
    """Parquet and Arrow by their magic; CSV by its header and JSON lines by their keys, ``time`` among them."""
    if head.startswith((PARQUET, ARROW)):
        return True
    first = head.removeprefix(_BOM).split(b"\n", 1)[0].strip()
    try:
        if first.startswith(b"{"):
            names = list(msgspec.json.decode(first, type=dict[str, Any]))
        else:
            names = _header(first.decode())
    except (ValueError, msgspec.DecodeError, RecursionError, csv.Error):
        return False
    known = sum(column in NAMES for column in names)
    return "time" in names and known >= 2 and 2 * known > len(names)


def chunks_of(path: Path, needs_sensor: bool) -> Iterator[Chunk]:
    """Rows chunk by chunk in order of ``received``, with counted rejects of lines that are not even rows.

    A Parquet or Arrow file in that order is read in chunks of bounded size. One that is not, and text, is held in
    memory as a whole. Raises ``ConfigError``.
    """
    with _open(path) as (file, is_compressed):
        magic = file.read(8)
        file.seek(0)
        if magic.startswith(PARQUET):
            _refuse_compressed(path, is_compressed)
            parquet = _opened(path, lambda: pq.ParquetFile(str(path)))
            _check(faults_of(parquet.schema_arrow, str(path), needs_sensor))
            times = [name for name in ("time", "received") if name in parquet.schema_arrow.names]
            yield from _arrow_chunks(
                path,
                lambda columns: parquet.iter_batches(CHUNK_ROWS, columns=columns),
                times,
                parquet.schema_arrow.names,
            )
        elif magic.startswith(ARROW):
            _refuse_compressed(path, is_compressed)
            ipc = _opened(path, lambda: pa.ipc.open_file(file))
            _check(faults_of(ipc.schema, str(path), needs_sensor))
            times = [name for name in ("time", "received") if name in ipc.schema.names]
            yield from _arrow_chunks(path, lambda columns: _ipc_batches(ipc, columns), times, ipc.schema.names)
        elif magic.lstrip(_BOM).lstrip().startswith(b"{") or _is_named_json(path):
            yield from _in_order(list(_line_chunks(path, file)))
        elif magic:
            yield from _in_order(list(_csv_chunks(path, file, needs_sensor)))
        else:
            raise ConfigError([Fault(str(path), "an empty file", "a measurement table")])


def _is_named_json(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson", ".json"))


@contextmanager
def _open(path: Path) -> Iterator[tuple[BinaryIO, bool]]:
    try:
        with path.open("rb") as file:
            is_compressed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            if not is_compressed:
                yield file, False
                return
            with gzip.open(file, "rb") as inner:
                yield inner, True  # type: ignore[misc]
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ConfigError([Fault(str(path), f"a broken gzip file ({error})", "a whole one")]) from error
    except OSError as error:
        raise ConfigError([Fault(str(path), error.strerror or str(error), "a file that can be read")]) from error


def _refuse_compressed(path: Path, is_compressed: bool) -> None:
    if is_compressed:
        raise ConfigError([Fault(str(path), "a compressed Parquet or Arrow file", "it as it was before gzip")])


def _opened(path: Path, open_: Callable[[], Any]) -> Any:
    try:
        return open_()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ConfigError:
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return ConfigError([Fault(str(path), f"a damaged file ({reason})", "a whole measurement table")])


def _check(faults: list[Fault]) -> None:
    if faults:
        raise ConfigError(faults)


def _ipc_batches(ipc: Any, columns: list[str]) -> Iterator[pa.RecordBatch]:
    for index in range(ipc.num_record_batches):
        whole = ipc.get_batch(index).select(columns)
        for start in range(0, whole.num_rows, CHUNK_ROWS):
            part = whole.slice(start, CHUNK_ROWS)
            part.validate(full=True)  # offsets of a hostile file could point anywhere
            yield part


def _arrow_chunks(
    path: Path, batches: Callable[[list[str]], Iterator[pa.RecordBatch]], times: list[str], names: list[str]
) -> Iterator[Chunk]:
    def chunks(columns: list[str]) -> Generator[Chunk, None, None]:
        made = batches(columns)
        while True:
            try:
                batch = next(made, None)
                if batch is None:
                    return
                rows = rows_of(batch)
            except (pa.ArrowException, OSError, ValueError) as error:
                raise _damaged(path, error) from error
            yield rows, Counter()

    if _is_in_order(rows for rows, _ in chunks(times)):
        yield from chunks(names)
    else:
        yield from _in_order(list(chunks(names)))


def _is_in_order(parts: Iterator[Rows]) -> bool:
    newest_ns = -1
    for rows in parts:
        received_ns = rows.received_ns[rows.has_time]
        if len(received_ns):
            if received_ns[0] < newest_ns or (np.diff(received_ns) < 0).any():
                return False
            newest_ns = int(received_ns[-1])
    return True


def _in_order(chunks: list[Chunk]) -> Iterator[Chunk]:
    """The same chunks if they are in order of ``received``, else all rows sorted (stable), cut anew."""
    if _is_in_order(rows for rows, _ in chunks):
        yield from chunks
        return
    rows = joined([rows for rows, _ in chunks])
    order = np.argsort(rows.received_ns, kind="stable")
    rejected: Counter[Reject] = sum((unreadable for _, unreadable in chunks), Counter())
    for start in range(0, len(rows), CHUNK_ROWS):
        yield rows.take(order[start : start + CHUNK_ROWS]), rejected
        rejected = Counter()


def _line_chunks(path: Path, file: BinaryIO) -> Iterator[Chunk]:
    is_first = True
    for block in _blocks(file):
        lines = [line for line in block.removeprefix(_BOM if is_first else b"").split(b"\n") if line.strip()]
        if is_first:
            _check(text.line_faults(lines, str(path)))
        is_first = False
        yield text.rows_of_lines(lines)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines, about CHUNK_BYTES at a time. A line without end is cut there: it is refused either way."""
    rest = b""
    while block := file.read(CHUNK_BYTES):
        whole = block.rfind(b"\n") + 1
        if whole == 0 and len(rest) > CHUNK_BYTES:
            whole = len(block)
        if whole:
            yield rest + block[:whole]
            rest = b""
        rest += block[whole:]
    if rest:
        yield rest


def _header(line: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([line.rstrip("\r\n")]), [])]


def _csv_chunks(path: Path, file: BinaryIO, needs_sensor: bool) -> Iterator[Chunk]:
    # bytes that are not UTF-8 become U+FFFD, and a row that has it is malformed
    decoded = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
    try:
        yield from _csv_read(path, csv.reader(decoded), needs_sensor)
    finally:
        decoded.detach()  # the file is closed by who opened it


def _csv_read(path: Path, reader: Any, needs_sensor: bool) -> Iterator[Chunk]:
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise ConfigError([Fault(f"{path}:1", "no text", "a header of column names")]) from error
    _check(names_faults(names, str(path), needs_sensor))
    is_first = True
    while True:
        table, bad, is_end = _csv_rows(reader, len(names))
        cells = {name: [row[index] for row in table] for index, name in enumerate(names)}
        rows, told = text.rows_of_cells(cells)
        if is_first:
            _check(text.cell_faults(told, cells, str(path)))
        is_first = False
        yield rows, Counter({Reject.MALFORMED: bad} if bad else {})
        if is_end:
            return


def _csv_rows(reader: Any, width: int) -> tuple[list[list[str]], int, bool]:
    """The next rows of the right width, how many others there were, and whether that was the end."""
    table: list[list[str]] = []
    bad = 0
    while len(table) + bad < CHUNK_CSV_ROWS:
        try:
            row = next(reader)
        except StopIteration:
            return table, bad, True
        except csv.Error:  # a cell beyond 128 KiB: a quote that was never closed
            bad += 1
            continue
        if len(row) == width and not any("\ufffd" in cell for cell in row):
            table.append(row)
        elif row:
            bad += 1
    return table, bad, False
