"""The contract's track and truth tables, checked: every fault at once, then plain arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lowsky.errors import ConfigError, Fault
from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import Floats, Ints
from lowsky.model.track import TrackStatus

STATUSES = tuple(status.label for status in TrackStatus)
STATE = ("latitude_deg", "longitude_deg", "height_m", "east_mps", "north_mps", "up_mps")
LIMITS = {"latitude_deg": 90.0, "longitude_deg": 360.0, "height_m": 1e7} | dict.fromkeys(STATE[3:], 1e5)
YEARS = (1970, 2199)  # what nanoseconds in 64 bits hold, and no clock that was never set
UPPER = np.triu_indices(6)
Table = pl.DataFrame | str | Path
NOT_STATED = "not stated"
ORIGINS = ("simulated", "recorded", NOT_STATED)


def _is_time(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.Datetime) and kind.time_zone == "UTC"


def _is_whole(kind: pl.DataType) -> bool:
    return kind.is_integer()


def _is_number(kind: pl.DataType) -> bool:
    return kind.is_numeric()


def _is_text(kind: pl.DataType) -> bool:
    return kind in (pl.String, pl.Categorical)


def _is_list(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.List | pl.Array) and kind.inner is not None and kind.inner.is_numeric()


Columns = dict[str, tuple[Callable[[pl.DataType], bool], str]]
NUMBERS: Columns = dict.fromkeys(STATE, (_is_number, "float64"))
TRACKS: Columns = {
    "time": (_is_time, "timestamp, UTC"),
    "track_id": (_is_whole, "int64"),
    "status": (_is_text, "string"),
    **NUMBERS,
}
TRUTH: Columns = {"time": (_is_time, "timestamp, UTC"), "target_id": (_is_whole, "int64"), **NUMBERS}
OPTIONAL: Columns = {
    "covariance": (_is_list, "list of 21 float64"),
    "class": (_is_text, "string"),
    "existence": (_is_number, "float64"),
}


def track_table(origin: EnuFrame, t_ns: Ints, track_id: Ints, status: list[str], x: Floats, P: Floats) -> pl.DataFrame:
    """The contract's track table, those columns that a score needs, of states float64[R, 6] and covariances
    float64[R, 6, 6] in the frame ``origin``."""
    geodetic, velocity, covariance = origin.local_states(x, P)
    upper = covariance[:, UPPER[0], UPPER[1]]
    return pl.DataFrame(
        {
            "time": pl.Series(t_ns, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
            "track_id": pl.Series(track_id, dtype=pl.Int64),
            "status": pl.Series(status, dtype=pl.String),
            "latitude_deg": np.degrees(geodetic[:, 0]),
            "longitude_deg": np.degrees(geodetic[:, 1]),
            "height_m": geodetic[:, 2],
            "east_mps": velocity[:, 0],
            "north_mps": velocity[:, 1],
            "up_mps": velocity[:, 2],
            "covariance": pl.Series(upper.tolist(), dtype=pl.List(pl.Float64)),
        }
    )


@dataclass(frozen=True, slots=True)
class States:
    """Rows of a table in order of id and time. Angles in radians, velocity in local east, north, up."""

    id: Ints  # int64[R]
    t_ns: Ints  # int64[R] UTC
    geodetic: Floats  # float64[R, 3] latitude rad, longitude rad, height m
    vel: Floats  # float64[R, 3] m/s
    status: tuple[str, ...]  # length R; of truth: empty
    object_class: tuple[str | None, ...]  # length R
    covariance: Floats  # float64[R, 6, 6], NaN where there is none
    existence: Floats  # float64[R], NaN where it is not said
    superseded: int = 0  # rows left out because a later row of the file has the same id and time


def read_tracks(table: Table) -> States:
    """A track table. Of rows with one id and time the last of the file counts (a track may be updated and change its
    status at one time). Rows without a position (bearing only) stay in, as NaN. Raises ``ConfigError``."""
    return _read(table, "tracks", "track_id", TRACKS)


def read_truth(table: Table) -> States:
    """A truth table; its positions are complete. Raises ``ConfigError``."""
    return _read(table, "truth", "target_id", TRUTH)


CLAIMS: Columns = {
    "time": (_is_time, "timestamp, UTC"),
    **dict.fromkeys(STATE[:3], (_is_number, "float64")),
    "existence": (_is_number, "float64"),
}


def read_claims(table: Table) -> States:
    """Rows that only claim an object: ``time``, a position and ``existence``. Raises ``ConfigError``."""
    name = "claims" if isinstance(table, pl.DataFrame) else Path(table).name
    frame = table if isinstance(table, pl.DataFrame) else _parquet(Path(table), CLAIMS)
    faults = [
        Fault(f"{name}: column {column}", str(frame.schema.get(column, "nothing")), expected)
        for column, (is_right, expected) in CLAIMS.items()
        if column not in frame.columns or not is_right(frame.schema[column])
    ]
    if faults:
        raise ConfigError(faults)
    rows = frame.select(*CLAIMS).with_row_index("track_id")
    return _states(rows.with_columns(pl.lit(0.0).alias(v) for v in STATE[3:]), "track_id")


def read_both(tracks: Table, truth: Table) -> tuple[States, States]:
    """Both tables; the faults of both at once."""
    faults: list[Fault] = []
    out = []
    for reader, table in ((read_tracks, tracks), (read_truth, truth)):
        try:
            out.append(reader(table))
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return out[0], out[1]


def _read(table: Table, what: str, id_column: str, required: Columns) -> States:
    name = what if isinstance(table, pl.DataFrame) else Path(table).name
    frame = table if isinstance(table, pl.DataFrame) else _parquet(Path(table), required | OPTIONAL)
    faults = _column_faults(frame, name, required)
    if not faults:
        faults = _row_faults(frame, name, id_column, is_truth=what == "truth")
    if faults:
        raise ConfigError(faults)
    return _states(frame, id_column)


def _parquet(path: Path, wanted: Columns) -> pl.DataFrame:
    """The wanted columns of a file. Through Arrow: Polars takes brackets in a path for a pattern, and ends the whole
    process on some damaged files."""
    try:
        with pq.ParquetFile(str(path)) as file:
            rows = file.read(columns=[name for name in file.schema_arrow.names if name in wanted])
        rows.validate(full=True)
        return pl.DataFrame(rows)
    except FileNotFoundError:
        raise ConfigError([Fault(str(path), "no such file", "a Parquet file")]) from None
    except (OSError, ValueError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        found = str(error).splitlines()[0] if str(error) else "not readable"
        raise ConfigError([Fault(str(path), found, "a Parquet file (docs/contract.md)")]) from None


def origin_of(table: Table) -> str:
    """What a file says its data is: one of ``ORIGINS``. ``lowsky simulate`` writes it beside the columns."""
    if isinstance(table, pl.DataFrame):
        return NOT_STATED
    try:
        facts = pq.read_metadata(str(table)).metadata or {}
    except (OSError, ValueError, pa.ArrowException):
        return NOT_STATED  # what is wrong with the file is for the reader to say
    said = facts.get(b"lowsky.origin", b"").decode("ascii", "replace")
    return said if said in ORIGINS else NOT_STATED


@dataclass(frozen=True, slots=True)
class Source:
    """What simulated truth says of where it comes from; None where it does not."""

    scenario: str | None = None
    scenario_sha256: str | None = None
    seed: int | None = None
    duration_s: float | None = None


def source_of(table: Table) -> Source:
    """The scenario and seed in a file's metadata, which ``lowsky simulate`` wrote."""
    if isinstance(table, pl.DataFrame):
        return Source()
    try:
        facts = pq.read_metadata(str(table)).metadata or {}
    except (OSError, ValueError, pa.ArrowException):
        return Source()  # what is wrong with the file is for the reader to say
    said = {
        name: facts.get(f"lowsky.{name}".encode(), b"").decode("utf-8", "replace") or None for name in Source.__slots__
    }
    try:
        seed = None if said["seed"] is None else int(said["seed"])
        duration_s = None if said["duration_s"] is None else float(said["duration_s"])
    except ValueError:
        return Source()
    return Source(said["scenario"], said["scenario_sha256"], seed, duration_s)


def _column_faults(frame: pl.DataFrame, name: str, required: Columns) -> list[Fault]:
    faults = []
    for column, (is_right, expected) in (required | OPTIONAL).items():
        if column not in frame.columns:
            if column in required:
                faults.append(Fault(f"{name}: column {column}", "nothing", expected))
        elif not is_right(frame.schema[column]):
            faults.append(Fault(f"{name}: column {column}", str(frame.schema[column]), expected))
    return faults


def _row_faults(frame: pl.DataFrame, name: str, id_column: str, is_truth: bool) -> list[Fault]:
    """The first bad row of each column, with the number of bad rows."""
    checks: list[tuple[str, pl.Expr, str]] = [
        ("time", pl.col("time").is_null(), "a time in every row"),
        ("time", ~pl.col("time").dt.year().is_between(*YEARS), f"a year from {YEARS[0]} to {YEARS[1]}"),
        (id_column, pl.col(id_column).cast(pl.Int64, strict=False).is_null(), "an id of 64 bits in every row"),
    ]
    for column in STATE:
        value = pl.col(column).cast(pl.Float64)
        bad = value.is_not_null() & value.is_not_nan() & (value.abs() > LIMITS[column])
        checks.append((column, bad, f"from {-LIMITS[column]:g} to {LIMITS[column]:g}"))
        if is_truth:
            checks.append((column, value.is_null() | value.is_nan(), "a number in every row"))
    if is_truth:
        checks.append((id_column, pl.struct(id_column, "time").is_duplicated(), "one row for each id and time"))
    else:
        wrong = pl.col("status").is_null() | ~pl.col("status").cast(pl.String).is_in(STATUSES)
        checks.append(("status", wrong, "one of " + ", ".join(STATUSES)))
    if "existence" in frame.columns:
        value = pl.col("existence").cast(pl.Float64)
        wrong = value.is_not_null() & value.is_not_nan() & ~value.is_between(0.0, 1.0)
        checks.append(("existence", wrong, "a probability, from 0 to 1"))
    if "covariance" in frame.columns:
        wrong = pl.col("covariance").cast(pl.List(pl.Float64)).list.len().fill_null(21) != 21
        checks.append(("covariance", wrong, "21 numbers: the upper triangle, row by row, or null"))
    faults = []
    for column, bad, expected in checks:
        rows = frame.select(bad.alias("bad"))["bad"].arg_true()
        if len(rows):
            more = f" (and {len(rows) - 1} more rows)" if len(rows) > 1 else ""
            found = str(frame[column][rows[0]])[:60]
            faults.append(Fault(f"{name}: row {rows[0]}, column {column}", found + more, expected))
    return faults


def _existence(frame: pl.DataFrame) -> Floats:
    if "existence" not in frame.columns:
        return np.full(len(frame), np.nan)
    return frame["existence"].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _states(frame: pl.DataFrame, id_column: str) -> States:
    given_rows = len(frame)
    frame = frame.unique([id_column, "time"], keep="last", maintain_order=True).sort(id_column, "time")
    state = frame.select(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in STATE).to_numpy()
    covariance = np.full((len(frame), 6, 6), np.nan)
    if "covariance" in frame.columns:
        lists = frame["covariance"].cast(pl.List(pl.Float64))
        given = (lists.is_not_null() & (lists.list.len() == 21)).to_numpy()
        if given.any():
            upper = lists.filter(pl.Series(given)).explode().fill_null(float("nan")).to_numpy().reshape(-1, 21)
            full = np.empty((len(upper), 6, 6))
            full[:, UPPER[0], UPPER[1]] = upper
            full[:, UPPER[1], UPPER[0]] = upper
            covariance[given] = full
    return States(
        id=frame[id_column].cast(pl.Int64).to_numpy(),
        t_ns=frame["time"].dt.cast_time_unit("ns").cast(pl.Int64).to_numpy(),
        geodetic=np.column_stack((np.radians(state[:, 0]), np.radians(state[:, 1]), state[:, 2])),
        vel=np.ascontiguousarray(state[:, 3:]),
        status=tuple(frame["status"].cast(pl.String)) if "status" in frame.columns else (),
        object_class=tuple(frame["class"].cast(pl.String)) if "class" in frame.columns else (None,) * len(frame),
        covariance=covariance,
        existence=_existence(frame),
        superseded=given_rows - len(frame),
    )
