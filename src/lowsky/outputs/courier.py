"""One output's thread: takes occurrences in order, sends, retries for ever, and keeps how far it got.

Before an occurrence is sent for the first time the outbox knows durably that it may have been; so what is sent again,
after a failure or a crash, is marked as a repeat.
"""

import logging
import random
import threading
from collections.abc import Callable

import msgspec

from lowsky.clock import LiveClock, monotonic_s
from lowsky.model.occurrence import Occurrence, Seen
from lowsky.model.output import Output, OutputStatus
from lowsky.outputs.outbox import Outbox
from lowsky.outputs.sender import Sender, Shows, Tended, Undelivered

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5  # after a failure; doubled with each …
LONGEST_PAUSE_S = 60.0  # … up to this, and drawn between half and all of it
LOOK_EVERY_S = 0.5
DEGRADED_AFTER = 2  # failures in a row: one lost packet is no news
REFUSALS = 3  # then it is set aside, and the next one gets its turn
ASIDE_EVERY_S = 600.0  # those set aside are tried again so often
HANGS_S = 60.0  # longer than any timeout of a sender may be
KEEP_EVERY = 64  # how far an output got past occurrences it does not want, need not be on disk at once


class Courier:
    """Thread-safe: ``status`` and ``stop`` from any thread, the rest from its own."""

    def __init__(self, output: Output, outbox: Outbox, sender: Sender) -> None:
        self.output = output
        self._outbox, self._sender = outbox, sender
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._status = OutputStatus(id=output.id, kind=output.kind, status="ok")
        self._failures = 0
        self._words = ""  # of the last attempt: what is not right although it went
        self._see: Callable[[], Seen] | None = None
        self._shown_s = self._tend_s = 0.0
        self._since_s: float | None = None  # an attempt is under way since then
        self._aside: dict[int, Occurrence] = {}
        self._aside_s = 0.0
        self._oldest: Occurrence | None = None
        self._done, self._attempted = outbox.cursor(output.id)
        self._thread = threading.Thread(target=self._run, name=f"output {output.id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout=timeout_s)

    @property
    def shows(self) -> bool:
        return isinstance(self._sender, Shows)

    def show(self, see: Callable[[], Seen]) -> None:
        """The newest picture, which is made in the courier's thread. Never waits."""
        self._see = see

    def status(self) -> OutputStatus:
        with self._lock:
            waiting = max(0, self._outbox.visible - self._done) + len(self._aside)
            oldest = self._oldest.t_ns if self._oldest is not None else None
            now = msgspec.structs.replace(self._status, waiting=waiting, oldest_ns=oldest)
            if self._since_s is not None and monotonic_s() - self._since_s > HANGS_S:
                return msgspec.structs.replace(now, status="degraded", trouble="hangs: no answer and no end")
            return now

    # ------------------------------------------------------------------ its own thread

    def _run(self) -> None:
        self._aside = {o.number: o for o in self._outbox.aside(self.output.id)}
        while not self._stop.is_set():
            batch = self._outbox.read(self._done)
            if not batch:
                self._tend()
                self._try_those_aside()
                self._outbox.wait(self._done, min(LOOK_EVERY_S, self._show()))
            for occurrence in batch:
                if self._stop.is_set():
                    break
                self._take(occurrence)
                self._show()
        self._sender.close()

    def _tend(self) -> None:
        """Keep the connection of a sender that has one. While it fails, as often as an occurrence would be tried."""
        if not isinstance(self._sender, Tended) or monotonic_s() < self._tend_s:
            return
        failure = self._try(self._sender.tend)
        if failure is None:
            self._delivered()
        self._tend_s = monotonic_s() + (0.0 if failure is None else self._pause_s())

    def _show(self) -> float:
        """Send the newest picture where one is due; seconds until the next is."""
        sender, see = self._sender, self._see
        if not isinstance(sender, Shows):
            return LOOK_EVERY_S
        wait_s = self._shown_s + sender.show_every_s - monotonic_s()
        if wait_s > 0.0 or see is None:
            return wait_s if wait_s > 0.0 else LOOK_EVERY_S
        self._see, self._shown_s = None, monotonic_s()
        if self._try(lambda: sender.show(see())) is None:
            self._delivered(pictures=1)
        return sender.show_every_s

    def _take(self, occurrence: Occurrence) -> None:
        """One occurrence until it is through, set aside, or the end."""
        if not self.output.wants(occurrence):
            self._move_on(occurrence.number, is_worth_keeping=occurrence.number % KEEP_EVERY == 0)
            return
        with self._lock:
            self._oldest = occurrence
        refusals = 0
        is_repeat = occurrence.number <= self._attempted
        while not self._stop.is_set():
            if self.output.deliver == "latest" and self._outbox.has_later(occurrence):
                self._count(superseded=1)
                break
            failure = self._attempt(occurrence, is_repeat)
            if failure is None:
                break
            is_repeat = is_repeat or failure.may_have_arrived
            refusals = refusals + 1 if failure.is_refused else 0
            if refusals >= REFUSALS:
                self._put_aside(occurrence)
                break
            self._stop.wait(self._pause_s())
        else:
            return  # the end: it stays where it is
        with self._lock:
            self._oldest = None
        self._move_on(occurrence.number)

    def _attempt(self, occurrence: Occurrence, is_repeat: bool) -> Undelivered | None:
        """None once it is delivered."""
        if occurrence.number > self._attempted:
            self._attempted = occurrence.number
            self._outbox.move(self.output.id, self._done, self._attempted)
        failure = self._try(lambda: self._sender.send(msgspec.structs.replace(occurrence, is_repeat=is_repeat)))
        if failure is None:
            self._delivered(sent=1, repeated=int(is_repeat))
        return failure

    def _try(self, send: Callable[[], str | None]) -> Undelivered | None:
        self._since_s = monotonic_s()
        try:
            self._words = send() or ""
        except Undelivered as failure:
            self._failed(failure.why)
            return failure
        except Exception as error:
            log.exception("output %s", self.output.id)
            self._failed(f"a fault of lowsky: {error!r}")
            return Undelivered(repr(error), is_refused=True)
        finally:
            self._since_s = None
        return None

    def _move_on(self, number: int, is_worth_keeping: bool = True) -> None:
        self._done = number
        if is_worth_keeping:
            self._attempted = max(self._attempted, number)
            self._outbox.move(self.output.id, self._done, self._attempted)

    def _put_aside(self, occurrence: Occurrence) -> None:
        self._outbox.put_aside(self.output.id, occurrence.number)
        with self._lock:
            self._aside[occurrence.number] = occurrence
            self._status = msgspec.structs.replace(self._status, refused=self._status.refused + 1)
        self._aside_s = monotonic_s()

    def _try_those_aside(self) -> None:
        if not self._aside or monotonic_s() - self._aside_s < ASIDE_EVERY_S:
            return
        self._aside_s = monotonic_s()
        for number, occurrence in list(self._aside.items()):
            if self._stop.is_set() or self._attempt(occurrence, is_repeat=True) is not None:
                return
            self._outbox.take_back(self.output.id, number)
            with self._lock:
                del self._aside[number]

    def _pause_s(self) -> float:
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 30))
        return longest * random.uniform(0.5, 1.0)  # many nodes do not come back all at once

    # ------------------------------------------------------------------ how it is doing

    def _count(self, **more: int) -> None:
        with self._lock:
            grown = {name: getattr(self._status, name) + n for name, n in more.items()}
            self._status = msgspec.structs.replace(self._status, **grown)

    def _failed(self, why: str) -> None:
        """Said once, when it begins; the page shows it for as long as it lasts."""
        self._failures += 1
        self._count(retries=1)
        if self._failures >= DEGRADED_AFTER and self._status.trouble != why:
            if self._status.status == "ok":
                log.error("output %s: %s; it is tried again until it goes", self.output.id, why)
            with self._lock:
                self._status = msgspec.structs.replace(self._status, status="degraded", trouble=why)

    def _delivered(self, **counts: int) -> None:
        self._failures = 0
        self._count(**counts)
        with self._lock:
            was = self._status
            last_ns = LiveClock().now_ns() if counts else was.last_sent_ns
            status = "degraded" if self._words else "ok"
            self._status = msgspec.structs.replace(was, status=status, trouble=self._words, last_sent_ns=last_ns)
        if self._words and self._words != was.trouble:
            log.error("output %s: %s", self.output.id, self._words)
        elif was.status != status:
            log.warning("output %s goes on", self.output.id)
