"""Which sensor's connection is up, and what came over it. Says so at each change, once, and every second."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lowsky.feeds.plan import PlannedFeed
from lowsky.feeds.transport.source import Source
from lowsky.model.measurement import Reject
from lowsky.model.ports import Clock, Normalised, SensorReport
from lowsky.model.site import Site

LOG = logging.getLogger("lowsky.feeds")
TELL_EVERY_S = 1.0
LOSING_NS = 10_000_000_000  # datagrams lost within this time: degraded now
Report = Callable[[SensorReport], None]


@dataclass(slots=True)
class _Connection:
    """One source as one sensor sees it."""

    is_up: bool = False
    why: str = "not connected yet"
    errors: int = 0
    lost_datagrams: int = 0
    lost_ns: int | None = None  # when the last of them was noticed
    was_told: bool = False  # a loss is told once, however often opening it again fails


@dataclass(slots=True)
class _Totals:
    records: int = 0
    measurements: int = 0
    rejected: Counter[Reject] = field(default_factory=Counter)
    held: dict[int, int] = field(default_factory=dict)


class Switchboard:
    """Of one run of the supervisor. A sensor is connected while any of its sources is."""

    def __init__(self, site: Site, feeds: Sequence[PlannedFeed], clock: Clock, report: Report) -> None:
        self._clock, self._report = clock, report
        self._connections = {feed.source: _Connection() for feed in feeds}
        self._sources = {
            sensor.id: list(dict.fromkeys(feed.source for feed in feeds if feed.sensor.id == sensor.id))
            for sensor in site.sensors
        }
        self._totals = {name: _Totals() for name, sources in self._sources.items() if sources}

    def up(self, source: Source) -> None:
        connection = self._connections[source]
        if connection.is_up:
            return
        connection.is_up, connection.why, connection.was_told = True, "", False
        LOG.info("%s: connected", source)
        self._tell_sensors_of(source)

    def down(self, source: Source, why: str) -> None:
        connection = self._connections[source]
        connection.is_up, connection.why = False, why
        if not connection.was_told:
            connection.was_told = True
            LOG.warning("%s", why)
            self._tell_sensors_of(source)

    def error(self, source: Source) -> None:
        self._connections[source].errors += 1

    def lost_datagrams(self, source: Source, datagrams: int) -> None:
        connection = self._connections[source]
        connection.lost_datagrams += datagrams
        connection.lost_ns = self._clock.now_ns()

    def count(self, feed: PlannedFeed, result: Normalised, rows: int) -> None:
        totals = self._totals[feed.sensor.id]
        totals.records += result.records
        totals.measurements += rows
        totals.rejected.update(result.rejected)
        totals.held[feed.index] = result.held

    def _tell_sensors_of(self, source: Source) -> None:
        for name in self._totals:
            if source in self._sources[name]:
                self._tell(name)

    def tell_all(self) -> None:
        for name in self._totals:
            self._tell(name)

    async def tell_every_second(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            self.tell_all()

    def _tell(self, name: str) -> None:
        totals = self._totals[name]
        connections = [self._connections[source] for source in self._sources[name]]
        counts = {
            "records": totals.records,
            "measurements": totals.measurements,
            "held": sum(totals.held.values()),
            "errors": sum(connection.errors for connection in connections),
        }
        counts |= {reason.name: totals.rejected[reason] for reason in Reject if totals.rejected[reason]}
        now_ns = self._clock.now_ns()
        is_losing = any(c.lost_ns is not None and now_ns - c.lost_ns < LOSING_NS for c in connections)
        lost = sum(connection.lost_datagrams for connection in connections)
        self._report(
            SensorReport(
                sensor=name,
                t_ns=now_ns,
                connected=any(connection.is_up for connection in connections),
                detail="; ".join(connection.why for connection in connections if connection.why),
                counts=counts | ({"lost_datagrams": lost} if lost else {}),
                degraded="datagrams are lost: more comes than can be read" if is_losing else "",
            )
        )
