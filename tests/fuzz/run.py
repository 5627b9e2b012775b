"""Hostile messages by the million: ``python tests/fuzz/run.py --count 1000000 [--feed NAME] [--seed N]``.

Mutates each feed's real messages and puts them through its normaliser and, where it reads byte streams, through its
framing. A message that makes anything but a measurement or a counted reject stops the run with its bytes and exit
status 1. One line for each feed: messages, messages per second, what came of them.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.cases import STEP_NS, FeedCase, all_names, feed_case, mutated
from lowsky.feeds.files import normalise
from lowsky.feeds.transport.stream import Splitter
from lowsky.model.ports import Frame

STREAMS = ("tcp", "tcp-listen", "file")
MAX_HELD = 100_000


class Broken(Exception):
    """A message did what no message may do."""


class Account:
    """One normaliser's sum law over its life."""

    def __init__(self, case: FeedCase) -> None:
        self._case = case
        self._normaliser = case.normaliser()
        self._t_recv_ns = case.t_recv_ns
        self.records = self.measurements = self.held = 0
        self.rejected = Counter()

    def put(self, payload: bytes) -> None:
        """One frame. Raises ``Broken``, or what the feed should not have raised."""
        self._t_recv_ns += STEP_NS
        result = normalise(self._normaliser, Frame(self._t_recv_ns, payload, "fuzz"), self.held)
        self.records += result.records
        self.measurements += sum(len(batch) for batch in result.batches)
        self.rejected.update(result.rejected)
        self.held = result.held
        if min(result.records, result.held, *result.rejected.values(), 0) < 0:
            raise Broken("counted less than nothing")
        if self.records != self.measurements + self.rejected.total() + self.held:
            raise Broken(f"{self.records} records, {self.measurements} measured, {self.rejected}, {self.held} held")
        if self.held > MAX_HELD:
            raise Broken(f"holds {self.held} records back: memory must be bounded")
        for batch in result.batches:
            check(batch, self._case)


def check(batch, case: FeedCase) -> None:
    """What no message may bring into the picture. Raises ``Broken``."""
    if batch.sensor not in {sensor.id for sensor in case.site.sensors}:
        raise Broken(f"a batch of sensor {batch.sensor!r}")
    if np.isinf(batch.z).any() or np.isinf(batch.sigma).any() or (batch.sigma <= 0.0).any():
        raise Broken("an infinite value, or a sigma that is not positive")
    if len(batch) and np.isnan(batch.z).all(axis=1).any():
        raise Broken("a measurement that measures nothing")
    if np.isinf(np.array([batch.attributes[name] for name in batch.attributes])).any():
        raise Broken("an infinite attribute")
    if any(name and not name.isprintable() for labels in batch.texts.values() for name in labels.names):
        raise Broken("a text with control characters")


def fuzz(case: FeedCase, count: int, seed: int) -> Account:
    """``count`` messages as frames; every fourth also comes in bits over a stream, where the feed reads streams."""
    account, streamed = Account(case), Account(case)
    splitter = Splitter(case.package.MANIFEST.cut)
    is_stream = bool(set(STREAMS) & set(case.package.MANIFEST.sources))
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        for number, payload in zip(range(count), mutated(case.messages, seed)):
            try:
                account.put(payload)
                if is_stream and number % 4 == 0:
                    half = number * 7 % (len(payload) + 1)
                    for bit in (payload[:half], payload[half:]):
                        whole, _ = splitter.feed(bit)
                        if whole:
                            streamed.put(whole)
            except Exception as error:
                error.add_note(f"feed {case.name}, seed {seed}, message {number}: {payload.hex()}")
                raise
    return account


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--feed", choices=all_names(), action="append")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for name in given.feed or all_names():
        case = feed_case(name)
        fuzz(case, 100, seed=0)  # compiles
        started = time.perf_counter()
        account = fuzz(case, given.count, given.seed)
        rate = given.count / (time.perf_counter() - started)
        said = ", ".join(f"{reason.name} {n}" for reason, n in account.rejected.most_common())
        line = f"{name}: {given.count} messages, {rate:,.0f}/s, {account.records} records"
        sys.stdout.write(f"{line}: {account.measurements} measured, {account.held} held, {said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
