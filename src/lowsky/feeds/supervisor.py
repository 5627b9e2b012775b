"""Owns every connection: opens, retries, hands bytes to feeds, and says what is up and what is down.

One task for each source. Feeds that name the same source share its socket, and each sees every frame. Nothing one
source does delays or loses another's data: frames are bounded, tasks give way every few milliseconds, and what a
feed cannot read is counted and forgotten. Only a bug of ours gets out, as ``InvariantError``.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from lowsky.clock import monotonic_s
from lowsky.errors import TransportError
from lowsky.feeds.line import Deliver, Line, Save
from lowsky.feeds.plan import Connection, PlannedFeed
from lowsky.feeds.player import play
from lowsky.feeds.retry import Retry
from lowsky.feeds.switchboard import Report, Switchboard
from lowsky.feeds.transport.source import PLAYED
from lowsky.feeds.transport.tcp import TcpClient, TcpServer
from lowsky.feeds.transport.udp import UdpTransport
from lowsky.model.ports import Clock, Transport
from lowsky.model.site import Site

GIVE_WAY_S = 0.002  # work at a stretch before other sources get their turn


def not_saved(payload: bytes) -> str:
    return ""


async def run(
    site: Site,
    feeds: Sequence[PlannedFeed],
    clock: Clock,
    deliver: Deliver,
    stop: asyncio.Event,
    *,
    report: Report,
    save: Save = not_saved,
    retry: Retry | None = None,
) -> None:
    """Serve all feeds until ``stop`` is set.

    Parameters
    ----------
    site, feeds
        The site, and its feeds as ``lowsky.feeds.plan.plan`` made them.
    clock
        Gives ``t_recv_ns``; recorded files are played by it.
    deliver
        Called as ``deliver(feed_index, normalised, t_recv_ns)`` for every frame. Must not block.
    stop
        Ends the run in good order.
    report
        Called with a ``SensorReport`` of each sensor that has a feed: at once when its connection is lost or is
        back, and every second.
    save
        Called with the bytes that showed a bug of ours; returns where they are, for ``InvariantError.batch_ref``.
    retry
        Back-off between attempts.

    Raises
    ------
    InvariantError
        A feed raised something else than ``DecodeError``, or broke the sum law. All sources are closed.
    """
    switchboard = Switchboard(site, feeds, clock, report)
    retry = retry or Retry()
    tasks: list[asyncio.Task[None]] = []
    try:
        async with asyncio.TaskGroup() as group:
            for sharing in _by_connection(feeds):
                line = Line(sharing, site, clock, deliver, save, switchboard)
                work = play(line, retry) if line.source.scheme in PLAYED else _serve(line, clock, retry)
                tasks.append(group.create_task(work))
            tasks.append(group.create_task(switchboard.tell_every_second()))
            await stop.wait()
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as group_error:
        first = group_error.exceptions[0]
        raise first from first.__cause__
    switchboard.tell_all()


def _by_connection(feeds: Sequence[PlannedFeed]) -> list[list[PlannedFeed]]:
    groups: dict[Connection, list[PlannedFeed]] = {}
    for feed in feeds:
        groups.setdefault(feed.connection, []).append(feed)
    return list(groups.values())


def open_transport(line: Line, clock: Clock) -> Transport:
    source = line.source
    if source.scheme == "udp":
        return UdpTransport(source, clock, line)
    kind = TcpClient if source.scheme == "tcp" else TcpServer
    return kind(source, line.cut, clock, line)


async def _serve(line: Line, clock: Clock, retry: Retry) -> None:
    """Open, read, and open again for ever."""
    delay_s = retry.first_s
    while True:
        before = line.frames
        try:
            async with contextlib.aclosing(open_transport(line, clock).frames()) as frames:  # type: ignore[type-var]
                worked_since_s = monotonic_s()
                async for frame in frames:
                    line.take(frame)
                    if monotonic_s() - worked_since_s > GIVE_WAY_S:
                        await asyncio.sleep(0)
                        worked_since_s = monotonic_s()
        except TransportError as error:
            line.lost(str(error))
        delay_s = retry.first_s if line.frames > before else delay_s
        await asyncio.sleep(delay_s)
        delay_s = retry.after(delay_s)
