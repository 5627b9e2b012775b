"""The track table of docs (contract): one row per track and time step, as Parquet.

A step is: every track a tick updated, at its own state time; and at each whole second every track that is alive,
predicted to it where it is older, so that a reader who wants the picture at a second finds it. Written in row groups,
so a long run needs little memory.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lowsky.classify.verdict import verdict
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import ObjectClass
from lowsky.model.measurement import Floats, Ints
from lowsky.model.site import Site
from lowsky.model.track import PositionKind, TrackSnapshot, TrackStatus

SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("ns", "UTC")),
        ("track_id", pa.int64()),
        ("status", pa.string()),
        ("existence", pa.float64()),
        ("latitude_deg", pa.float64()),
        ("longitude_deg", pa.float64()),
        ("height_m", pa.float64()),
        ("east_mps", pa.float64()),
        ("north_mps", pa.float64()),
        ("up_mps", pa.float64()),
        ("covariance", pa.list_(pa.float64())),
        ("class", pa.string()),
        ("class_probability", pa.float64()),
        ("class_probabilities", pa.map_(pa.string(), pa.float64())),
        ("sensors", pa.list_(pa.string())),
        ("identity", pa.string()),
    ]
)
ROWS_PER_GROUP = 50_000
UPPER = np.triu_indices(6)
STATUS_LABELS = np.array([""] + [status.label for status in TrackStatus], dtype=object)
CLASS_LABELS = np.array([c.label for c in ObjectClass], dtype=object)
SHOWN_PROBABILITY = 1e-3
"""Class probabilities below this are left out of ``class_probabilities`` (they are not zero, only dull)."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of snapshots, as they wait to be written."""

    t_state_ns: Ints
    track_id: Ints
    status: NDArray[np.uint8]
    existence: Floats
    x: Floats
    P: Floats
    p_class: Floats
    sensors: NDArray[np.uint64]
    identity: list[str | None]

    @classmethod
    def of(cls, tracks: TrackSnapshot, rows: Ints) -> "Rows":
        return cls(
            tracks.t_state_ns[rows], tracks.track_id[rows], tracks.status[rows], tracks.existence[rows],
            tracks.x[rows], tracks.P[rows], tracks.class_probability[rows], tracks.sensors[rows],
            [tracks.identity[row] for row in rows.tolist()],
        )  # fmt: skip

    @classmethod
    def together(cls, pieces: list["Rows"]) -> "Rows":
        columns = {f.name: np.concatenate([getattr(p, f.name) for p in pieces]) for f in fields(cls)[:-1]}
        return cls(**columns, identity=[identity for piece in pieces for identity in piece.identity])


def table_of(rows: Rows, site: Site, frame: EnuFrame) -> pa.Table:
    """The rows as a piece of the track table."""
    geodetic, velocity, covariance = frame.local_states(rows.x, rows.P)
    n = len(geodetic)
    named, p_named = verdict(rows.p_class)
    likely_row, likely_class = np.nonzero(rows.p_class >= SHOWN_PROBABILITY)
    bits = (rows.sensors[:, None] >> np.arange(len(site.sensors), dtype=np.uint64)) & np.uint64(1)
    fed_row, fed_sensor = np.nonzero(bits)
    sensor_ids = np.array([sensor.id for sensor in site.sensors], dtype=object)
    columns = [
        pa.array(rows.t_state_ns, pa.timestamp("ns", "UTC")),
        pa.array(rows.track_id),
        pa.array(STATUS_LABELS[rows.status], pa.string()),
        pa.array(rows.existence),
        pa.array(np.degrees(geodetic[:, 0])),
        pa.array(np.degrees(geodetic[:, 1])),
        pa.array(geodetic[:, 2]),
        *(pa.array(velocity[:, k]) for k in range(3)),
        pa.ListArray.from_arrays(
            pa.array(np.arange(n + 1, dtype=np.int32) * 21), pa.array(covariance[:, UPPER[0], UPPER[1]].ravel())
        ),
        pa.array(CLASS_LABELS[named], pa.string()),
        pa.array(p_named),
        pa.MapArray.from_arrays(
            pa.array(_offsets(likely_row, n)),
            pa.array(CLASS_LABELS[likely_class], pa.string()),
            pa.array(rows.p_class[likely_row, likely_class]),
        ),
        pa.ListArray.from_arrays(pa.array(_offsets(fed_row, n)), pa.array(sensor_ids[fed_sensor], pa.string())),
        pa.array(rows.identity, pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _offsets(row: Any, n: int) -> Any:
    """Where each of ``n`` lists begins, int32[n + 1], from the ascending row number of each item."""
    return np.searchsorted(row, np.arange(n + 1)).astype(np.int32)


class TrackTableWriter:
    """Collects steps and writes the table whole or not at all: beside its place, then renamed at ``close``."""

    def __init__(self, path: Path, site: Site) -> None:
        self._path = path
        self._beside = path.with_name(path.name + ".part")
        self._site = site
        self._frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
        self._pieces: list[Rows] = []
        self._waiting = 0
        self.rows = 0
        self._written: tuple[Ints, Ints] = (np.empty(0, np.int64), np.empty(0, np.int64))  # by id: newest time
        self._file = pq.ParquetWriter(self._beside, SCHEMA, compression="zstd")

    def put(self, tracks: TrackSnapshot, after_ns: int | None = None) -> None:
        """Append every row whose state is newer than the one written of it, and than ``after_ns``; one row per track
        and time.

        Objects known by their bearing alone have no position and so no row.
        """
        rows = np.flatnonzero(tracks.position_kind == PositionKind.POINT)
        track_id, t_ns = tracks.track_id[rows], tracks.t_state_ns[rows]
        before = np.searchsorted(self._written[0], track_id)
        known = before < len(self._written[0])
        known[known] = self._written[0][before[known]] == track_id[known]
        newest_ns = np.full(len(rows), np.iinfo(np.int64).min)
        newest_ns[known] = self._written[1][before[known]]
        self._written = (track_id, np.maximum(t_ns, newest_ns))
        new = rows[(t_ns > newest_ns) & (t_ns > (after_ns or 0))]
        if len(new):
            self._pieces.append(Rows.of(tracks, new))
            self._waiting += len(new)
            self.rows += len(new)
            if self._waiting >= ROWS_PER_GROUP:
                self._write()

    def _write(self) -> None:
        if self._pieces:
            self._file.write_table(table_of(Rows.together(self._pieces), self._site, self._frame))
        self._pieces, self._waiting = [], 0

    def __enter__(self) -> "TrackTableWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            try:
                if kind is None:
                    self._write()
            finally:
                self._file.close()
            if kind is None:
                self._beside.replace(self._path)
        finally:
            self._beside.unlink(missing_ok=True)
