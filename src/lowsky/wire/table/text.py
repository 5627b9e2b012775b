"""CSV cells and JSON lines to rows. Every text is parsed strictly; a bad cell costs its row, not the file."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import numpy as np
import polars as pl

from lowsky.constants import SECOND_NS
from lowsky.errors import Fault
from lowsky.model.measurement import TEXTS, Floats, Ints, Labels, Reject
from lowsky.wire.table.fields import NAMES, VALUES, expected_of, unknown_column
from lowsky.wire.table.rows import Mask, Rows

MAX_LINE = 65_536  # bytes of one JSON line, and what is kept of a stream without line ends

_TIME = re.compile(
    r"(?P<s>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?"
    r"(?P<zone>Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_ns(text: str) -> int | None:
    """Nanoseconds of an ISO 8601 time (to the ninth digit; without offset it is UTC), None where it is not one.

    −1 for times before 1970, which no measurement has.
    """
    m = _TIME.fullmatch(text)
    if m is None:
        return None
    try:
        moment = datetime.fromisoformat(m["s"]).replace(tzinfo=UTC)
    except ValueError:  # the 30th of February
        return None
    whole = (moment - _EPOCH) // timedelta(seconds=1)
    if (zone := m["zone"]) not in (None, "Z"):
        offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        whole -= offset if zone[0] == "+" else -offset
    t_ns = whole * SECOND_NS + int((m["fraction"] or "0").ljust(9, "0"))
    return t_ns if 0 <= t_ns < 2**63 else -1


def times_of(texts: Sequence[str | None]) -> tuple[Ints, Mask]:
    """Times, −1 where there is none, and which texts are no time."""
    parsed = [None if text is None else utc_ns(text) for text in texts]
    bad = np.array([text is not None and t is None for text, t in zip(texts, parsed)], np.bool_)
    return np.array([-1 if t is None else t for t in parsed], np.int64), bad


@dataclass(frozen=True, slots=True)
class Cells:
    """How many cells of a column are given, and how many of these are not what the column holds."""

    given: int
    bad: int


def rows_of_cells(columns: Mapping[str, Sequence[str | None]]) -> tuple[Rows, dict[str, Cells]]:
    """Rows of text cells, by names of NAMES (``time`` among them). Empty cells are missing."""
    cells = {name: [(cell or "").strip() or None for cell in column] for name, column in columns.items()}
    n = len(cells["time"])
    nothing: list[str | None] = [None] * n
    told: dict[str, Cells] = {}
    malformed = np.zeros(n, np.bool_)

    def checked(name: str, column: Any, bad: Mask) -> Any:
        malformed[bad] = True
        told[name] = Cells(n - cells.get(name, nothing).count(None), int(np.count_nonzero(bad)))
        return column

    time_ns = checked("time", *times_of(cells["time"]))
    received_ns = checked("received", *times_of(cells.get("received", nothing)))
    look = checked("look", *_numbers(cells.get("look", nothing), pl.Int64))
    values = {name: checked(name, *_numbers(cells[name], pl.Float64)) for name in cells if name in VALUES}
    return _rows(
        time_ns, _given(cells["time"]), received_ns, _given(cells.get("received", nothing)), look.to_list(),
        cells.get("sensor", nothing), malformed,
        {name: column.to_numpy() for name, column in values.items()},
        {name: cells[name] for name in cells if name in TEXTS},
    ), told  # fmt: skip


def _given(cells: Sequence[Any]) -> Mask:
    return np.array([cell is not None for cell in cells], np.bool_)


def _numbers(cells: Sequence[str | None], dtype: Any) -> tuple[pl.Series, Mask]:
    texts = pl.Series(cells, dtype=pl.String)
    numbers = texts.cast(dtype, strict=False)
    return numbers, (numbers.is_null() & texts.is_not_null()).to_numpy()


def _rows(
    time_ns: Ints, has_time: Mask, received_ns: Ints, has_received: Mask, look: Sequence[int | None],
    sensor: Sequence[str | None], malformed: Mask, values: dict[str, Floats], texts: dict[str, Any],
) -> Rows:  # fmt: skip
    return Rows(
        time_ns, np.where(has_received, received_ns, time_ns), has_time, Labels.of(list(sensor)),
        np.array([-1 if number is None else number for number in look], np.int64), _given(look), malformed,
        values, {name: Labels.of(list(column)) for name, column in texts.items()},
    )  # fmt: skip


_NO_ROWS = rows_of_cells({"time": []})[0]

_Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Line = msgspec.defstruct(
    "Line",
    [("look", _Whole | None, None)]
    + [(name, float | None, None) for name in VALUES]
    + [("class_" if name == "class" else name, str | None, None) for name in ("time", "received", "sensor", *TEXTS)],
    rename={"class_": "class"},
    frozen=True,
    forbid_unknown_fields=True,
    gc=False,
)
"""One JSON line: every column may be left out or null."""

_decoder = msgspec.json.Decoder(Line)


def rows_of_lines(lines: Iterable[bytes]) -> tuple[Rows, Counter[Reject]]:
    """Rows of JSON lines, in order, and how many lines are none: unknown column UNSUPPORTED, else MALFORMED."""
    read: list[Any] = []
    rejected: Counter[Reject] = Counter()
    for line in lines:
        try:
            if len(line) > MAX_LINE:
                rejected[Reject.MALFORMED] += 1
            else:
                read.append(_decoder.decode(line))
        except msgspec.ValidationError as error:
            unknown = "unknown field" in str(error)
            rejected[Reject.UNSUPPORTED if unknown else Reject.MALFORMED] += 1
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            rejected[Reject.MALFORMED] += 1
    if not read:
        return _NO_ROWS, rejected
    columns = dict(zip(_COLUMNS, zip(*map(msgspec.structs.astuple, read))))
    time_ns, bad_time = times_of(columns["time"])
    received_ns, bad_received = times_of(columns["received"])
    values = {name: _column(columns[name]) for name in VALUES}
    rows = _rows(
        time_ns, _given(columns["time"]), received_ns, _given(columns["received"]),
        columns["look"], columns["sensor"], bad_time | bad_received,
        {name: column for name, column in values.items() if column is not None},
        {name: columns[name] for name in TEXTS if columns[name].count(None) < len(read)},
    )  # fmt: skip
    return rows, rejected


_COLUMNS = tuple("class" if name == "class_" else name for name in Line.__struct_fields__)


def _column(numbers: Sequence[float | None]) -> Floats | None:
    """None where there is not one number."""
    missing = numbers.count(None)
    if missing == len(numbers):
        return None
    if missing:
        numbers = [np.nan if number is None else number for number in numbers]
    return np.array(numbers, np.float64)


def line_faults(lines: Sequence[bytes], name: str) -> list[Fault]:
    """What is wrong with the columns of a file of JSON lines, judged by its first lines.

    A column is wrong if its name is unknown, or if not one of its values is what it holds. Single bad lines are
    counted when they are read.
    """
    unknown: dict[str, int] = {}
    good: set[str] = set()
    bad: dict[str, tuple[int, Any]] = {}
    for number, line in enumerate(lines, start=1):
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        for column, value in found.items() if isinstance(found, dict) else ():
            if column not in NAMES:
                unknown.setdefault(column, number)
            elif value is not None and column not in good:
                if _is_of(column, value):
                    good.add(column)
                else:
                    bad.setdefault(column, (number, value))
    faults = [Fault(f"{name}:{n}: {column[:80]}", *unknown_column(column)) for column, n in unknown.items()]
    for column, (number, value) in bad.items():
        if column not in good:
            faults.append(Fault(f"{name}:{number}: {column}", _shown(value), expected_of(column)))
    return faults


def cell_faults(told: Mapping[str, Cells], columns: Mapping[str, Sequence[str | None]], name: str) -> list[Fault]:
    """Columns of a CSV file in which not one cell is what the column holds."""
    faults = []
    for column, cells in told.items():
        if cells.given and cells.given == cells.bad:
            line, cell = next((row + 2, cell) for row, cell in enumerate(columns[column]) if cell and cell.strip())
            faults.append(Fault(f"{name}:{line}: {column}", _shown(cell), expected_of(column)))
    return faults


def _is_of(column: str, value: Any) -> bool:
    if column in ("time", "received"):
        return isinstance(value, str) and utc_ns(value) is not None
    if column == "look":
        return type(value) is int and -(2**63) <= value < 2**63
    if column in VALUES:
        return type(value) in (int, float)
    return isinstance(value, str)


def _shown(value: Any) -> str:
    rendered = repr(value)
    return rendered if len(rendered) <= 60 else rendered[:57] + "..."
