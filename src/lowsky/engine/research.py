"""For researchers and integrators: the pipeline as a tracker that takes batches and gives pictures."""

from collections.abc import Iterator
from pathlib import Path

from lowsky.align.funnel import Funnel
from lowsky.engine.offline import Input, ticks_of
from lowsky.engine.pipeline import Pipeline
from lowsky.model.measurement import MeasurementBatch
from lowsky.model.ports import Tick
from lowsky.model.site import Feed, Site
from lowsky.model.track import TrackSnapshot

GRID_NS = 250_000_000


class Tracker:
    """Batches in, pictures out. Deterministic; no clock, no I/O. Batches come in order of their event time.

    Time passes between batches by itself, as it does behind ``align``: four ticks a second, at most a minute's
    worth in a gap.
    """

    def __init__(self, site: Site) -> None:
        self._pipeline = Pipeline(site)

    def step(self, batch: MeasurementBatch) -> TrackSnapshot:
        """The picture after ``batch``: columns track_id, x, P, existence, …"""
        t_ns, before = batch.t_ns, self._pipeline.t_ns
        if before is not None:
            first = max(before // GRID_NS + 1, (t_ns - 60_000_000_000) // GRID_NS)
            for grid in range(first, t_ns // GRID_NS + 1):
                self._pipeline.step(Tick(grid * GRID_NS))
        self._pipeline.step(Tick(t_ns, batch))
        return self._pipeline.snapshot()


def read_measurements(path: str | Path, site: Site) -> Iterator[MeasurementBatch]:
    """The batches of a measurement table (Parquet, Arrow IPC, CSV or JSON lines), in order of their event time."""
    if not site.sensors:
        return
    feed = Feed(sensor=site.sensors[0].id, format="table", source=f"file:{path}")
    for tick in ticks_of([Input(Path(path), feed)], site, Funnel(site)):
        if tick.batch is not None:
            yield tick.batch


__all__ = ["Tracker", "read_measurements"]
