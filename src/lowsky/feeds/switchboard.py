"""Which sensor's connection is up, and what came over it. Says so at each change, once, and every second."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lowsky.feeds.plan import Connection, PlannedFeed
from lowsky.model.measurement import Reject
from lowsky.model.ports import Clock, Normalised, SensorReport
from lowsky.model.site import Site

LOG = logging.getLogger("lowsky.feeds")
TELL_EVERY_S = 1.0
LOSING_NS = 10_000_000_000  # datagrams lost within this time: degraded now
Report = Callable[[SensorReport], None]


@dataclass(slots=True)
class _State:
    """Of one connection."""

    is_up: bool = False
    why: str = "not connected yet"
    errors: int = 0
    lost_datagrams: int = 0
    lost_ns: int | None = None  # when the last of them was noticed
    is_ended: bool = False  # a file was played to its end
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
        self._states = {feed.connection: _State() for feed in feeds}
        self._connections = {
            sensor.id: list(dict.fromkeys(feed.connection for feed in feeds if feed.sensor.id == sensor.id))
            for sensor in site.sensors
        }
        self._totals = {name: _Totals() for name, connections in self._connections.items() if connections}

    def up(self, connection: Connection) -> None:
        state = self._states[connection]
        if state.is_up:
            return
        state.is_up, state.why, state.was_told = True, "", False
        LOG.info("%s: connected", connection[0])
        self._tell_sensors_of(connection)

    def down(self, connection: Connection, why: str) -> None:
        state = self._states[connection]
        state.is_up, state.why = False, why
        if not state.was_told:
            state.was_told = True
            LOG.warning("%s", why)
            self._tell_sensors_of(connection)

    def ended(self, connection: Connection) -> None:
        self._states[connection].is_ended = True
        self.down(connection, f"{connection[0]} has ended")

    def error(self, connection: Connection) -> None:
        self._states[connection].errors += 1

    def lost_datagrams(self, connection: Connection, datagrams: int) -> None:
        state = self._states[connection]
        state.lost_datagrams += datagrams
        state.lost_ns = self._clock.now_ns()

    def count(self, feed: PlannedFeed, result: Normalised, rows: int) -> None:
        totals = self._totals[feed.sensor.id]
        totals.records += result.records
        totals.measurements += rows
        totals.rejected.update(result.rejected)
        totals.held[feed.index] = result.held

    def _tell_sensors_of(self, connection: Connection) -> None:
        for name in self._totals:
            if connection in self._connections[name]:
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
        states = [self._states[connection] for connection in self._connections[name]]
        counts = {
            "records": totals.records,
            "measurements": totals.measurements,
            "held": sum(totals.held.values()),
            "errors": sum(state.errors for state in states),
        }
        counts |= {reason.name: totals.rejected[reason] for reason in Reject if totals.rejected[reason]}
        now_ns = self._clock.now_ns()
        is_losing = any(c.lost_ns is not None and now_ns - c.lost_ns < LOSING_NS for c in states)
        lost = sum(state.lost_datagrams for state in states)
        self._report(
            SensorReport(
                sensor=name,
                t_ns=now_ns,
                connected=any(state.is_up for state in states),
                detail="; ".join(state.why for state in states if state.why),
                ended=all(state.is_ended for state in states),
                counts=counts | ({"lost_datagrams": lost} if lost else {}),
                degraded="datagrams are lost: more comes than can be read" if is_losing else "",
            )
        )
