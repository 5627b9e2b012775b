"""Where the engine leaves its newest picture and everybody else picks it up. Thread-safe; the newest wins."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from lowsky.engine.reprocess import NOTHING_LATE, Reprocessing
from lowsky.model.output import OutputStatus
from lowsky.model.ports import OperatorAction
from lowsky.model.site import Site
from lowsky.model.status import NO_FLOOD, Alert, DeskStatus, Scene, SensorStatus
from lowsky.model.track import TrackSnapshot
from lowsky.warn.figures import Figures


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is known at one moment. Immutable, so it may be read from any thread.

    ``epoch`` changes when time starts anew (a scene loops or is switched, a replay jumps): who keeps anything
    of older epochs throws it away. ``recv_ns`` is the newest ``t_recv_ns`` inside, for latency figures.
    ``trouble`` says what is wrong with the node itself ("" when nothing is); there is an alert of it, too.
    ``reprocessing`` says what became of late measurements since the start.
    """

    site: Site
    mode: str  # live, replay, demo
    epoch: int
    snapshot: TrackSnapshot
    recv_ns: int
    sensors: tuple[SensorStatus, ...]
    alerts: tuple[Alert, ...]
    scene: Scene | None = None
    trouble: str = ""
    reprocessing: Reprocessing = NOTHING_LATE
    outputs: tuple[OutputStatus, ...] = ()
    desk: DeskStatus = NO_FLOOD
    figures: Figures | None = None  # of the alert desk


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an action. ``refused`` is empty, or a word: unknown, stale, impossible, busy. ``trouble``: it is
    done, and why it is not on disk."""

    refused: str = ""
    detail: str = ""
    is_recorded: bool = False
    trouble: str = ""
    alert: Alert | None = None


class Controls(Protocol):
    """What the page may ask of whoever drives the picture. Asking for what a mode lacks does nothing."""

    def scenes(self) -> tuple[Scene, ...]: ...
    def select_scene(self, name: str) -> None: ...
    def span_ns(self) -> tuple[int, int] | None:
        """First and last moment that ``seek`` reaches; None where it reaches none (live, demo)."""
        ...

    def seek(self, t_ns: int) -> None: ...
    def act(self, action: OperatorAction) -> "Future[Outcome]":
        """What a person does with an alert."""
        ...


def refusal(detail: str) -> "Future[Outcome]":
    answer: Future[Outcome] = Future()
    answer.set_result(Outcome("impossible", detail))
    return answer


class NoControls:
    """A live node: nothing to select, nothing to seek."""

    def scenes(self) -> tuple[Scene, ...]:
        return ()

    def select_scene(self, name: str) -> None:
        return None

    def span_ns(self) -> tuple[int, int] | None:
        return None

    def seek(self, t_ns: int) -> None:
        return None

    def act(self, action: OperatorAction) -> "Future[Outcome]":
        return refusal("there is no live node here")


class Hub:
    """Latest-wins exchange between the engine's thread and the readers.

    ``publish`` never blocks and keeps one picture. ``wake`` callbacks are called from the publishing thread and
    must only hand over (``loop.call_soon_threadsafe``).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._picture: Picture | None = None
        self._wakes: list[Callable[[], None]] = []

    def publish(self, picture: Picture) -> None:
        with self._lock:
            self._picture = picture
            wakes = tuple(self._wakes)
        for wake in wakes:
            wake()

    def latest(self) -> Picture | None:
        return self._picture

    def on_publish(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Register ``wake``; returns the function that unregisters it."""
        with self._lock:
            self._wakes.append(wake)

        def forget() -> None:
            with self._lock:
                self._wakes.remove(wake)

        return forget
