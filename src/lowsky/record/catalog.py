"""Which segments a recording's folder holds."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

FORMAT = "lowsky-recording"
FORMAT_VERSION = "1"
LOCK_NAME = "writer.lock"
HOUR_NS = 3_600_000_000_000
_NAME = re.compile(r"(\d{6,12})-(\d{8}T\d{2})Z\.(sqlite|parquet)")


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file of a recording."""

    number: int
    hour: str
    form: str  # "sqlite" or "parquet"
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / f"{self.number:06d}-{self.hour}Z.{self.form}"

    def in_form(self, form: str) -> "Segment":
        return Segment(self.number, self.hour, form, self.folder)


@dataclass(frozen=True, slots=True)
class Gap:
    """Ticks that were lost before they could be written, and where."""

    segment: int
    after_tick: int  # ticks of the segment that come before
    t_from_ns: int
    t_to_ns: int
    ticks: int
    measurements: int
    cause: str


def new_segment(folder: Path, t_ns: int) -> Segment:
    """The segment after all that are there, for a first tick at ``t_ns``."""
    hour = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=t_ns // HOUR_NS)
    number = max((segment.number for segment in all_files(folder)), default=0) + 1
    return Segment(number, hour.strftime("%Y%m%dT%H"), "sqlite", folder)


def all_files(folder: Path) -> list[Segment]:
    """Every segment file in order, both forms of a number where both are there."""
    found = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    return sorted(Segment(int(m[1]), m[2], m[3], folder) for m in found if m)


def segments(folder: Path, after: int = 0) -> list[Segment]:
    """The segments with a number above ``after``, in order; of two forms the Parquet file."""
    by_number: dict[int, Segment] = {}
    for segment in all_files(folder):
        if segment.number > after and (segment.number not in by_number or segment.form == "parquet"):
            by_number[segment.number] = segment
    return [by_number[number] for number in sorted(by_number)]


def segment_at(path: Path) -> Segment | None:
    """The segment a file's name says it is, None where it is not one."""
    m = _NAME.fullmatch(path.name)
    return Segment(int(m[1]), m[2], m[3], path.parent) if m else None
