"""The measurement table: Parquet, Arrow IPC, CSV and JSON lines from files; JSON lines from a stream.

What the columns mean is in ``docs/feeds/table.md``; the conversion is ``lowsky.wire.table``. Here are only the
files, the stream, and the feed's card.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from lowsky.feeds.manifest import Manifest
from lowsky.feeds.table.files import chunks_of, sniff
from lowsky.feeds.table.stream import LineStream, cut_lines
from lowsky.model.measurement import MeasurementBatch, Reject
from lowsky.model.ports import Normalised
from lowsky.model.site import SENSOR_KINDS, Sensor, Site
from lowsky.wire.table.looks import Looks
from lowsky.wire.table.verdict import judge

log = logging.getLogger(__name__)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys beside sensor, format and source.

    Attributes
    ----------
    sensors : str
        "all": rows of every sensor of the site are taken, for a table names its sensors itself; a row that names
        none is of the feed's own. "own": rows of other sensors are OTHER_SOURCE. Two feeds that read the same
        source must be "own", else every row counts twice.
    complete : str
        When a look of a stream is complete. "frame": at the end of each datagram or read, so it goes on at once; rows
        of it that follow are used too, but the look's coverage was given with the first. "next": when a later look of
        the sensor begins, or a row says that the look saw nothing (more); the sensor's ``latency_s`` must then be
        longer than a look takes.
    """

    sensors: Literal["all", "own"] = "all"
    complete: Literal["frame", "next"] = "frame"


MANIFEST = Manifest(
    name="table",
    title="Measurement table (Parquet, Arrow IPC, CSV, JSON lines)",
    sensor_kinds=SENSOR_KINDS,
    sources=("udp", "tcp", "tcp-listen", "file"),
    cut=cut_lines,
    sniff=sniff,
)


def open_feed(config: Config, sensor: Sensor, site: Site) -> LineStream:
    """A normaliser for JSON lines; one frame is one or more whole lines."""
    return LineStream(site, sensor.id, config.sensors == "own", config.complete == "frame")


def read_file(
    path: Path, config: Config, sensor: Sensor, site: Site, start_ns: int | None = None
) -> Iterator[Normalised]:
    """A file in order of ``received``, one result per batch. ``start_ns`` is not used: the table knows its times.

    Raises ``ConfigError`` with every fault of the columns before the first result, and for a file that breaks off
    where it does. Bad rows are counted.
    """
    yield from _results(path, site, sensor.id, sensor.id if config.sensors == "own" else None)


def read_measurements(path: Path | str, site: Site) -> Iterator[MeasurementBatch]:
    """All measurements of a file, batch by batch, in order of first ``received``.

    The file is opened and its columns are checked when the first batch is asked for. Raises ``ConfigError``. Rows
    that are no measurements are counted, and the counts are logged at the end.
    """
    path = Path(path)
    rejected: Counter[Reject] = Counter()
    for result in _results(path, site, None, None):
        yield from result.batches
        rejected += result.rejected
    rejected.pop(Reject.NOT_A_MEASUREMENT, None)  # looks that saw nothing: they came out as what they are
    if rejected:
        told = ", ".join(f"{count} {reason.name}" for reason, count in sorted(rejected.items()))
        log.warning("%s: %d rows are no measurements: %s", path, rejected.total(), told)


def _results(path: Path, site: Site, default_sensor: str | None, only_sensor: str | None) -> Iterator[Normalised]:
    looks = Looks(site)
    for rows, unreadable in chunks_of(path, needs_sensor=default_sensor is None):
        batches, rejected = looks.step(rows, judge(rows, site, default_sensor, only_sensor))
        yield from _each(batches)
        if rejected or unreadable:
            rejected += unreadable
            yield Normalised((), rejected.total(), rejected)
    yield from _each(looks.close())


def _each(batches: list[MeasurementBatch]) -> Iterator[Normalised]:
    """A result of its own for each batch, so that a player and ``lowsky track`` can go by its time of receipt."""
    return (Normalised((batch,), len(batch)) for batch in batches)
