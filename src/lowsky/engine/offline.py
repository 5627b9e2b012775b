"""Recorded input through the pipeline as fast as it goes: ``lowsky track`` and the Python interface."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from lowsky.align.funnel import Funnel
from lowsky.align.settings import CAUSAL
from lowsky.constants import SECOND_NS
from lowsky.engine.pipeline import Pipeline
from lowsky.engine.tracktable import TrackTableWriter
from lowsky.errors import ConfigError, Fault
from lowsky.feeds.plan import COMMON_OPTIONS, start_ns
from lowsky.feeds.registry import feed_named, sniff_file
from lowsky.feeds.transport.source import parse_source
from lowsky.model.events import Event
from lowsky.model.measurement import MeasurementBatch
from lowsky.model.ports import Normalised, Tick
from lowsky.model.site import Feed, Site
from lowsky.model.track import TrackSnapshot

LONGEST_SILENCE_NS = 60 * SECOND_NS
"""After it nothing in the picture changes: seconds between are skipped, as ``align`` skips them."""


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
        """Results come in order of their first rows; one is there when its last row is."""
        waiting: list[tuple[int, int, Normalised]] = []
        begun_ns = here_ns = 0
        for count, result in enumerate(results_of(source, site)):
            received = [t_ns for batch in result.batches for t_ns in _received(batch)]
            begun_ns = max(begun_ns, min(received, default=0))
            heapq.heappush(waiting, (max(received, default=begun_ns), count, result))
            while waiting and waiting[0][0] <= begun_ns:
                t_ns, number, ready = heapq.heappop(waiting)
                here_ns = max(here_ns, t_ns)
                yield here_ns, source.feed.sensor, source.path.name, number, source, ready
        while waiting:
            t_ns, number, ready = heapq.heappop(waiting)
            here_ns = max(here_ns, t_ns)
            yield here_ns, source.feed.sensor, source.path.name, number, source, ready

    for t_ns, _, _, _, source, result in heapq.merge(*(timed(s) for s in sources), key=lambda item: item[:4]):
        yield t_ns, source, result


def _received(batch: MeasurementBatch) -> tuple[int, int]:
    """When its first and its last row were received; the end of the look where it has none."""
    return (int(batch.t_recv_ns.min()), int(batch.t_recv_ns.max())) if len(batch) else (batch.t_ns, batch.t_ns)


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
    on_second: Callable[[int, Pipeline], Any] | None = None,
    tells_settled: bool = False,
    before_step: Callable[[Tick, Pipeline], Any] | None = None,
) -> tuple[Pipeline, Funnel]:
    """Track everything the files hold, as it was received; ``on_step`` sees each tick with its events, ``before_step``
    each tick while the pipeline does not know it yet.

    ``on_second`` is called at each whole second (UTC ns) of the times of receipt, when all that had been received by
    then is in the picture and nothing else. What comes late is late here as it would have been live.
    """
    pipeline, funnel = Pipeline(site, tells_settled), Funnel(site, CAUSAL)

    def take(ticks: list[Tick]) -> None:
        for tick in ticks:
            if before_step is not None:
                before_step(tick, pipeline)
            on_step(tick, pipeline.step(tick), pipeline)

    def pass_seconds(from_ns: int, to_ns: int) -> None:
        """Every second from the first to before the second time, which are whole."""
        for second_ns in range(from_ns, to_ns, SECOND_NS):
            take(funnel.release(second_ns, wait=False))
            if on_second is not None:
                on_second(second_ns, pipeline)

    due_ns = now_ns = 0
    for now_ns, arrived in groupby(_in_order_of_arrival(sources, site), key=lambda item: item[0]):
        second_ns = -(-now_ns // SECOND_NS) * SECOND_NS
        if due_ns:
            pass_seconds(due_ns, min(second_ns, due_ns + LONGEST_SILENCE_NS))
            pass_seconds(max(due_ns + LONGEST_SILENCE_NS, second_ns - LONGEST_SILENCE_NS), second_ns)
        due_ns = second_ns
        for _, source, result in arrived:
            funnel.offer(result, source.feed.sensor)
        take(funnel.release(now_ns))
    pass_seconds(due_ns, now_ns + 1)
    take(funnel.flush())
    return pipeline, funnel


class Steps:
    """Writes to the track table what is known when: the tracks a batch updated, as they are then, and at each whole
    second every track, from what had been received by then. No row is changed or added behind a second written."""

    def __init__(self, table: TrackTableWriter) -> None:
        self._table = table
        self._second_ns: int | None = None

    def __call__(self, tick: Tick, events: list[Event], pipeline: Pipeline) -> None:
        if tick.batch is not None:
            self._table.put(pipeline.snapshot(), self._second_ns)

    def second(self, second_ns: int, pipeline: Pipeline) -> None:
        self._table.put(pipeline.snapshot(second_ns), self._second_ns)
        self._second_ns = second_ns


class SettledSteps:
    """Writes the settled picture to a track table: at each whole second every track, as all measurements give it that
    came within the buffer, however late. Ends with the last measurement, however long one waits after it."""

    def __init__(self, table: TrackTableWriter) -> None:
        self._table = table
        self._newest_ns = 0
        self._waiting: deque[tuple[int, TrackSnapshot]] = deque()

    def __call__(self, tick: Tick, pipeline: Pipeline) -> None:
        if tick.batch is not None:
            self._newest_ns = max(self._newest_ns, tick.batch.t_ns)
        if tick.batch is None:
            self._write(pipeline.settled())

    def end(self, pipeline: Pipeline) -> None:
        self._write(pipeline.settled(is_end=True))

    def _write(self, seconds: list[tuple[int, TrackSnapshot]]) -> None:
        self._waiting.extend(seconds)
        while self._waiting and self._waiting[0][0] <= self._newest_ns:
            self._table.put(self._waiting.popleft()[1])
