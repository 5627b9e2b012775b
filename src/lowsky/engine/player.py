"""Plays a recording through the pipeline: the same ticks, the same events, at any speed, from any moment."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace

import lowsky.track
from lowsky.clock import PacedClock, monotonic_s
from lowsky.engine.hub import Hub, Outcome, Picture, refusal
from lowsky.engine.node import Stage, picture_of, step_or_save
from lowsky.engine.pipeline import HOLE_NS, Pipeline
from lowsky.model.events import Event
from lowsky.model.ports import OperatorAction, Tick
from lowsky.model.site import Site
from lowsky.model.status import Scene
from lowsky.record.reader import Recording

WARM_UP_NS = 60_000_000_000
"""A jump starts this long before its aim, unseen, so that the picture is whole when it appears."""

PUBLISH_EVERY_S = 0.05
PUBLISH_AGAIN_S = 0.5


def events_of(recording: Recording, site: Site) -> Iterator[tuple[Tick, list[Event], Pipeline]]:
    """The event stream of a whole recording, exactly as it was live."""
    pipeline = Pipeline(site)
    for tick in recording.ticks():
        yield tick, pipeline.step(tick), pipeline


class Player:
    """Drives a hub from a recording. ``run`` blocks its thread until ``stop``; the controls may be called from any."""

    def __init__(self, recording: Recording, site: Site, hub: Hub, speed: float | None) -> None:
        self._recording, self._site, self._hub, self._speed = recording, site, hub, speed
        self._epoch = 0
        self._lock = threading.Lock()  # the aim and its signal change together, or a jump would be forgotten
        self._aim_ns: int | None = None
        self._wake = threading.Event()
        self._stopped = False

    def scenes(self) -> tuple[Scene, ...]:
        return ()

    def select_scene(self, name: str) -> None:
        return None

    def span_ns(self) -> tuple[int, int] | None:
        return self._recording.span_ns

    def seek(self, t_ns: int) -> None:
        span = self._recording.span_ns
        if span is not None:
            with self._lock:
                self._aim_ns = min(max(t_ns, span[0]), span[1])
                self._wake.set()

    def act(self, action: OperatorAction) -> "Future[Outcome]":
        return refusal("this is a replay: it shows what was done then, and nothing can be done now")

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def run(self) -> None:
        """Raises ``InvariantError`` at a tick that shows a bug of ours."""
        lowsky.track.warm_up()
        from_ns: int | None = None
        while not self._stopped:
            self._play(from_ns)
            self._stay()
            with self._lock:
                from_ns, self._aim_ns = self._aim_ns, None
                self._wake.clear()
            self._epoch += 1

    def _stay(self) -> None:
        """At the end: the last picture stays, and is handed out again so that nobody takes us for dead."""
        while not self._wake.wait(PUBLISH_AGAIN_S):
            picture = self._hub.latest()
            if picture is not None:
                self._hub.publish(replace(picture))

    def _play(self, from_ns: int | None) -> None:
        """From a moment to the end, or until somebody seeks or stops."""
        pipeline = Pipeline(self._site)
        clock: PacedClock | None = None
        shown_s, recv_ns, before_ns = 0.0, 0, 0
        start_ns = None if from_ns is None else from_ns - WARM_UP_NS
        if start_ns is not None:
            pipeline.recall(self._recording.actions(start_ns))
        for tick in self._recording.ticks(start_ns):
            step_or_save(pipeline, tick)
            if tick.batch is not None and len(tick.batch):
                recv_ns = max(recv_ns, int(tick.batch.t_recv_ns.max()))
            if self._wake.is_set():
                return
            if from_ns is not None and tick.t_ns < from_ns:
                continue
            if self._speed is not None:
                if clock is None or tick.t_ns > before_ns + HOLE_NS:  # the node was down: nothing to wait for
                    clock = PacedClock(tick.t_ns, self._speed)
                before_ns = tick.t_ns
                wait_s = clock.seconds_until(tick.t_ns)
                if wait_s > 0 and self._wake.wait(wait_s):
                    return
            now_s = monotonic_s()
            if now_s - shown_s >= PUBLISH_EVERY_S:
                shown_s = now_s
                self._hub.publish(self._picture(pipeline, recv_ns))
        if pipeline.t_ns is not None:
            self._hub.publish(self._picture(pipeline, recv_ns))

    def _picture(self, pipeline: Pipeline, recv_ns: int) -> Picture:
        return picture_of(pipeline, Stage("replay", self._epoch), recv_ns)
