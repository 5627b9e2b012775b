"""Recorded input through the pipeline as fast as it goes: ``lowsky track`` and the Python interface."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lowsky.align.funnel import Funnel
from lowsky.constants import SECOND_NS
from lowsky.engine.pipeline import Pipeline
from lowsky.engine.tracktable import TrackTableWriter
from lowsky.errors import ConfigError, Fault
from lowsky.feeds.plan import COMMON_OPTIONS, start_ns
from lowsky.feeds.registry import feed_named, sniff_file
from lowsky.feeds.transport.source import parse_source
from lowsky.model.events import Event
from lowsky.model.ports import Normalised, Tick
from lowsky.model.site import Feed, Site


@dataclass(frozen=True, slots=True)
class Input:
    """One recorded file and what reads it."""

    path: Path
    feed: Feed

    @classmethod
    def of_feed(cls, feed: Feed) -> "Input":
        """The file that a feed's own ``source`` names."""
        source, faults = parse_source(feed.source, f"feed of {feed.sensor}: source")
        if source is None:
            raise ConfigError(faults)
        return cls(Path(source.path), feed)


def open_input(path: Path, site: Site, sensor: str | None = None) -> Input:
    """Which feed reads the file, and for which sensor. Raises ``ConfigError``.

    The format is told by the file's first bytes. The sensor is ``sensor`` where given, else that of the site's
    feed of this format, else the only sensor of a kind that speaks it. A table names its sensors itself.
    """
    if not path.is_file():
        raise ConfigError([Fault(str(path), "no such file", "a recorded file")])
    name = sniff_file(path)
    manifest = feed_named(name).MANIFEST
    feeds = [feed for feed in site.feeds if feed.format == name and sensor in (None, feed.sensor)]
    if feeds:
        return Input(path, feeds[0])
    able = [s.id for s in site.sensors if s.kind in manifest.sensor_kinds and sensor in (None, s.id)]
    if len(able) == 1 or (able and name == "table"):
        return Input(path, Feed(sensor=able[0], format=name, source=f"file:{path}"))
    choice = f"one of {', '.join(able)}" if able else f"a sensor of kind {', '.join(manifest.sensor_kinds)}"
    expected = f"SENSOR={path.name} with {choice}, or a [[feed]] with format = {name!r} in the site file"
    raise ConfigError([Fault(str(path), f"format {name}, and no telling whose it is", expected)])


def results_of(source: Input, site: Site) -> Iterator[Normalised]:
    """Everything a file holds, through its feed."""
    package = feed_named(source.feed.format)
    options = {key: value for key, value in source.feed.options.items() if key not in COMMON_OPTIONS}
    config = msgspec.convert(options, package.Config)
    yield from package.read_file(
        source.path, config, site.sensor(source.feed.sensor), site, start_ns(source.feed.options)
    )


def _in_order_of_arrival(sources: list[Input], site: Site) -> Iterator[tuple[int, Input, Normalised]]:
    """All results of all files merged by the time they were received. Ties go by the name of the sensor and
    of the file, not by the order of the arguments."""

    def timed(source: Input) -> Iterator[tuple[int, str, str, int, Input, Normalised]]:
        t_ns = 0
        for count, result in enumerate(results_of(source, site)):
            received = [int(batch.t_recv_ns.max()) if len(batch) else batch.t_ns for batch in result.batches]
            t_ns = max([t_ns, *received])
            yield t_ns, source.feed.sensor, source.path.name, count, source, result

    for t_ns, _, _, _, source, result in heapq.merge(*(timed(s) for s in sources), key=lambda item: item[:4]):
        yield t_ns, source, result


def ticks_of(sources: list[Input], site: Site, funnel: Funnel) -> Iterator[Tick]:
    """The stream behind ``align`` of recorded files. The same files in another order give the same stream."""
    for t_ns, source, result in _in_order_of_arrival(sources, site):
        funnel.offer(result, source.feed.sensor)
        yield from funnel.release(t_ns)
    yield from funnel.flush()


def run(
    sources: list[Input],
    site: Site,
    on_step: Callable[[Tick, list[Event], Pipeline], Any],
) -> tuple[Pipeline, Funnel]:
    """Track everything the files hold; ``on_step`` sees each tick with its events."""
    pipeline, funnel = Pipeline(site), Funnel(site)
    for tick in ticks_of(sources, site, funnel):
        events = pipeline.step(tick)
        on_step(tick, events, pipeline)
    return pipeline, funnel


class Steps:
    """Writes to the track table what ticks add: tracks a batch updated, and at each whole second every track.

    A second is written with the first tick behind it, for measurements of the very second come after its tick.
    """

    def __init__(self, table: TrackTableWriter) -> None:
        self._table = table
        self._due_ns: int | None = None

    def __call__(self, tick: Tick, events: list[Event], pipeline: Pipeline) -> None:
        if self._due_ns is not None and tick.t_ns > self._due_ns:
            self._table.put(pipeline.snapshot(self._due_ns))
            self._due_ns = None
        if tick.batch is not None:
            self._table.put(pipeline.snapshot())
        elif tick.t_ns % SECOND_NS == 0:
            self._due_ns = tick.t_ns
