"""What people do with alerts, from the page to the stream and back: asked in one thread, done in the engine's.

It is done when the pipeline has taken it, and answered when the recording has it on disk: what was answered is not
lost by a crash.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

import msgspec

from lowsky.engine.hub import NoControls, Outcome, refusal
from lowsky.model.events import ActionRefused, Event
from lowsky.model.ports import OperatorAction
from lowsky.model.status import Alert

MOST_WAITING = 2_000  # actions in the inbox


class Inbox:
    """Actions on their way into the stream of one node, and their answers."""

    def __init__(self, flush: Callable[[], bool] | None, trouble: Callable[[], str] = str) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[OperatorAction] = deque()
        self._asked: dict[str, list[Future[Outcome]]] = {}
        self._is_open = True
        self._flush, self._trouble = flush, trouble
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="actions")

    def ask(self, action: OperatorAction) -> "Future[Outcome]":
        """From any thread."""
        answer: Future[Outcome] = Future()
        with self._lock:
            if self._is_open and len(self._waiting) < MOST_WAITING:
                self._waiting.append(action)
                self._asked.setdefault(action.key, []).append(answer)
                return answer
        answer.set_result(Outcome("busy", "the node takes no more now; ask again"))
        return answer

    def take(self, now_ns: int) -> list[OperatorAction]:
        """What was asked since the last call, with the time at which it reached the node."""
        if not self._waiting:
            return []
        with self._lock:
            taken = [msgspec.structs.replace(action, t_ns=now_ns) for action in self._waiting]
            self._waiting.clear()
        return taken

    def done(self, actions: Sequence[OperatorAction], events: Sequence[Event], alerts: tuple[Alert, ...]) -> None:
        """The pipeline has stepped over them. Answers once they are on disk, or cannot get there."""
        refused = {event.key: event for event in events if isinstance(event, ActionRefused)}
        by_id = {alert.id: alert for alert in alerts}
        found = []
        with self._lock:
            for action in actions:
                event = refused.get(action.key)
                outcome = Outcome(alert=by_id.get(action.alert_id))
                if event is not None:
                    outcome = Outcome(event.why, event.cause)
                found += [(answer, outcome) for answer in self._asked.pop(action.key, ())]
        if found:
            self._writer.submit(self._answer, found)

    def _answer(self, found: list[tuple["Future[Outcome]", Outcome]]) -> None:
        is_recorded = self._flush is not None and self._flush()
        trouble = "" if is_recorded or self._flush is None else self._trouble() or "the recording does not take it"
        for answer, outcome in found:
            if not outcome.refused:
                outcome = Outcome(is_recorded=is_recorded, trouble=trouble, alert=outcome.alert)
            with suppress(InvalidStateError):  # whoever asked has gone
                answer.set_result(outcome)

    def close(self) -> None:
        """The end of the node: who still waits is told so."""
        with self._lock:
            self._is_open = False
            left = [answer for answers in self._asked.values() for answer in answers]
            self._asked.clear()
        self._writer.shutdown(wait=True)
        for answer in left:
            with suppress(InvalidStateError):
                answer.set_result(Outcome("busy", "the node ends; ask again when it is back"))


class Acting(Protocol):
    def act(self, action: OperatorAction) -> "Future[Outcome]": ...


class LiveControls(NoControls):
    """Of a live node: nothing to select or to seek, but alerts to act on once it is there."""

    def __init__(self) -> None:
        self.node: Acting | None = None

    def act(self, action: OperatorAction) -> "Future[Outcome]":
        if self.node is None:
            return refusal("the node is still starting")
        return self.node.act(action)
