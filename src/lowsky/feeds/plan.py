"""What the site file asks for, checked against what there is: each feed with its package, config and source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from lowsky.constants import SECOND_NS
from lowsky.errors import ConfigError, Fault
from lowsky.feeds.registry import feed_named
from lowsky.feeds.transport.source import PLAYED, Source, parse_source
from lowsky.model import ports
from lowsky.model.site import Feed, Sensor, Site

COMMON_OPTIONS = ("start",)
"""Options every feed has beside its own: ``start``, UTC of the first message of a file that does not know it."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_DAYS = 84_006  # to the year 2200; int64 nanoseconds end in 2262

Connection = tuple[Source, int]
"""A source, and the index of the only feed that reads it or -1."""


@dataclass(frozen=True, slots=True)
class PlannedFeed:
    """One [[feed]], ready to be opened. ``index`` is its place in the site file."""

    index: int
    feed: Feed
    sensor: Sensor
    source: Source
    package: ports.Feed
    config: Any
    start_ns: int | None

    @property
    def connection(self) -> Connection:
        """What feeds of one source share: a socket. A played file they do not, each has its own pace."""
        return self.source, self.index if self.source.scheme in PLAYED else -1


def start_ns(options: Mapping[str, Any]) -> int | None:
    """``start`` in UTC nanoseconds; no zone means UTC. Raises ``ValueError`` where it is no time of 1970 to 2200."""
    start = options.get("start")
    if start is None:
        return None
    moment = start if isinstance(start, datetime) else datetime.fromisoformat(str(start))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - EPOCH
    if not 0 <= since.days < MAX_DAYS:
        raise ValueError("before 1970 or after 2200")
    return (since.days * 86_400 + since.seconds) * SECOND_NS + since.microseconds * 1_000


def plan(site: Site) -> tuple[PlannedFeed, ...]:
    """All feeds of a site. Raises ``ConfigError`` with every fault of every feed."""
    faults: list[Fault] = []
    planned = [_planned(site, index, feed, faults) for index, feed in enumerate(site.feeds)]
    cuts: dict[Source, PlannedFeed] = {}
    for one in filter(None, planned):
        first = cuts.setdefault(one.source, one)
        if one.source.scheme.startswith("tcp") and first.package.MANIFEST.cut is not one.package.MANIFEST.cut:
            found = f"{one.feed.format} from {one.source}, which feed {first.index + 1} reads as {first.feed.format}"
            faults.append(Fault(f"feed {one.index + 1}: source", found, "one format on one connection"))
    if faults:
        raise ConfigError(faults)
    return tuple(one for one in planned if one is not None)


def speakers(site: Site, feeds: Sequence[PlannedFeed]) -> set[str]:
    """The sensors that these feeds can speak for: each for its own, and one whose records name their sensor (its
    config says ``sensors = "all"``, as a table's does) for every sensor of the site."""
    if any(getattr(feed.config, "sensors", "own") == "all" for feed in feeds):
        return {sensor.id for sensor in site.sensors}
    return {feed.sensor.id for feed in feeds}


def _planned(site: Site, index: int, feed: Feed, faults: list[Fault]) -> PlannedFeed | None:
    here: list[Fault] = []
    where = f"feed {index + 1}"
    source, wrong = parse_source(feed.source, f"{where}: source")
    here += wrong
    sensor = next((s for s in site.sensors if s.id == feed.sensor), None)
    if sensor is None:
        here.append(Fault(f"{where}: sensor", repr(feed.sensor), "the id of a [[sensor]]"))
    start = None
    try:
        start = start_ns(feed.options)
    except ValueError:
        here.append(Fault(f"{where}: start", repr(feed.options["start"]), "a time like 2026-11-20T13:00:00Z"))
    package, config = None, None
    try:
        package = feed_named(feed.format)
    except ConfigError as error:
        here += [Fault(f"{where}: {fault.where}", fault.found, fault.expected) for fault in error.faults]
    if package is not None:
        manifest = package.MANIFEST
        if source is not None and source.scheme not in manifest.sources:
            here.append(Fault(f"{where}: source", source.scheme, "one of " + ", ".join(manifest.sources)))
        if sensor is not None and sensor.kind not in manifest.sensor_kinds:
            expected = f"{feed.format} from " + " or ".join(manifest.sensor_kinds)
            here.append(Fault(f"{where}: sensor", f"{sensor.id!r}, a {sensor.kind}", expected))
        options = {key: value for key, value in feed.options.items() if key not in COMMON_OPTIONS}
        try:
            config = msgspec.convert(options, package.Config)
        except (msgspec.ValidationError, ValueError) as error:
            here.append(Fault(where, str(error), f"the keys of docs/feeds/{feed.format}.md"))
        except ConfigError as error:  # of a config that tells every fault of its values
            here += [Fault(f"{where}: {fault.where}", fault.found, fault.expected) for fault in error.faults]
    faults += here
    if here or source is None or sensor is None or package is None:
        return None
    return PlannedFeed(index, feed, sensor, source, package, config, start)
