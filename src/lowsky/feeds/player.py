"""Plays a recorded file as if it came in now, at the pace of the clock.

A clock that runs faster plays faster; there is no speed of a single file, because its times would then disagree
with its speeds.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from lowsky.errors import ConfigError, TransportError
from lowsky.feeds.line import Line
from lowsky.feeds.retry import Retry
from lowsky.feeds.transport.link import explained
from lowsky.model.ports import Clock, Normalised

AHEAD_RESULTS = 256  # read ahead of the pace, in a thread, so that decoding a file holds nobody up
AHEAD_ROWS = 50_000
NAP_S = 0.05  # longest sleep: the clock may run faster than the wall


async def play(line: Line, retry: Retry) -> None:
    """Once through the file; one that cannot be opened is tried again. Raises ``InvariantError``."""
    delay_s = retry.first_s
    while True:
        try:
            await _play_once(line)
        except TransportError as error:
            line.lost(str(error))
            if line.frames:  # what has been played must not be played twice
                return
        else:
            line.ended()
            return
        await asyncio.sleep(delay_s)
        delay_s = retry.after(delay_s)


async def _play_once(line: Line) -> None:
    planned, by_ns = line.planned, 0 if line.source.recorded_times else None
    results: Iterator[Normalised] | None = None
    while True:
        try:
            if results is None:
                path = Path(line.source.path)
                results = planned.package.read_file(path, planned.config, planned.sensor, line.site, planned.start_ns)
            ahead = await asyncio.to_thread(_read_ahead, results)
        except OSError as error:
            raise explained(f"cannot read {line.source}", error) from error
        except ConfigError as error:  # the file is not what the feed reads: its owner's to mend, no bug of ours
            raise TransportError(f"cannot read {line.source}: {error}".replace("\n", "; ")) from error
        except Exception as error:
            raise line.bug(f"raised {type(error).__name__}: {error}", b"", planned) from error
        if not ahead:
            return
        line.up()
        for result in ahead:
            arrived_ns = _arrival_ns(result)
            if arrived_ns is None:
                line.hand_on(result, line.clock.now_ns())
                continue
            if by_ns is None:
                by_ns = line.clock.now_ns() - arrived_ns
            await _until(line.clock, arrived_ns + by_ns)
            line.hand_on(_moved(result, by_ns), arrived_ns + by_ns)


def _read_ahead(results: Iterator[Normalised]) -> list[Normalised]:
    ahead, rows = [], 0
    for result in islice(results, AHEAD_RESULTS):
        ahead.append(result)
        rows += sum(len(batch) for batch in result.batches)
        if rows >= AHEAD_ROWS:
            break
    return ahead


def _arrival_ns(result: Normalised) -> int | None:
    """When its newest row was received; the end of an empty look; None where nothing in it has a time."""
    times = [int(batch.t_recv_ns.max()) if len(batch) else batch.t_ns for batch in result.batches]
    return max(times, default=None)


def _moved(result: Normalised, by_ns: int) -> Normalised:
    if by_ns == 0:
        return result
    batches = tuple(batch.moved(by_ns, by_ns) for batch in result.batches)
    return Normalised(batches, result.records, result.rejected, result.held)


async def _until(clock: Clock, t_ns: int) -> None:
    while (left_ns := t_ns - clock.now_ns()) > 0:
        await asyncio.sleep(min(left_ns * 1e-9, NAP_S))
    await asyncio.sleep(0)
