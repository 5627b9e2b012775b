"""A running node: sockets → funnel → pipeline → recorder and picture, in one asyncio loop of its own.

Everything asynchronous ends in ``_deliver``: what comes after is called synchronously and in order.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import lowsky.track
from lowsky.align.funnel import Funnel
from lowsky.align.settings import LIVE, Settings
from lowsky.clock import monotonic_s
from lowsky.constants import SECOND_NS
from lowsky.engine.evidence import save_payload
from lowsky.engine.hub import Hub, Outcome, Picture
from lowsky.engine.keeper import Keeper
from lowsky.engine.operators import Inbox
from lowsky.engine.pipeline import SET_BACK_NS, Pipeline
from lowsky.engine.telling import Telling
from lowsky.errors import InvariantError
from lowsky.feeds import supervisor
from lowsky.feeds.plan import plan, speakers
from lowsky.model.events import Event
from lowsky.model.ports import Clock, Normalised, OperatorAction, SensorReport, Tick
from lowsky.model.site import Site
from lowsky.model.status import Alert, Scene
from lowsky.wire.columns import encode_tick

log = logging.getLogger(__name__)

RELEASE_EVERY_S = 0.005
"""How often the funnel is asked for what time alone has made certain."""

PASSES = 4
"""Turns of the loop from a datagram or segment that waits in the kernel to ``_deliver``, the longest way (a sender of
``tcp-listen``): select, its reader, its queue, its line."""

PUBLISH_EVERY_S = 0.006
"""The picture is handed out at most this often; each client's frames are paced again in ``serve``."""


ERA = 1_000_000
"""A picture's epoch counts scenes and jumps, and in millions how often a clock was set back."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where and as what a node's picture appears."""

    mode: str  # live or demo
    epoch: int = 0
    scene: Scene | None = None
    ends_with_files: bool = False  # a demo scene is over when its files are; a live site never is


class Node:
    """One site, live or from paced files. Build it, then await ``run``."""

    def __init__(
        self,
        site: Site,
        clock: Clock,
        hub: Hub,
        stage: Stage,
        keeper: Keeper | None = None,
        settings: Settings = LIVE,
        telling: Telling | None = None,
    ) -> None:
        self._site, self._clock, self._hub, self._stage = site, clock, hub, stage
        self._keeper, self._telling = keeper, telling
        told = telling.take if telling is not None else _nobody
        self._pipeline = keeper.restored_pipeline(site, told) if keeper is not None else Pipeline(site)
        self._feeds = plan(site)
        self._settings = settings
        self._funnel = Funnel(site, settings, clock.now_ns(), speakers(site, self._feeds))
        self._stop: asyncio.Event | None = None
        self._is_half_stepped = False
        self._playing: set[str] = set()
        self._taken_in_ns = clock.now_ns()  # what had arrived by then has been delivered
        self._recv_ns = 0
        self._published_s = 0.0
        self._changed = True
        self._own = OwnAlerts()
        self._inbox = Inbox(None) if keeper is None else Inbox(keeper.flush, keeper.status)

    def act(self, action: OperatorAction) -> "Future[Outcome]":
        """What a person does with an alert. From any thread; answered once it is done and recorded."""
        return self._inbox.ask(action)

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set, or (``ends_with_files``) every file was played. Raises ``InvariantError``."""
        lowsky.track.warm_up()
        self._stop = stop
        if self._telling is not None:
            self._telling.start(self._pipeline)
        self._playing = {feed.sensor.id for feed in self._feeds}
        feeding = asyncio.create_task(
            supervisor.run(
                self._site, self._feeds, self._clock, self._deliver, stop, report=self._report, save=save_payload
            )
        )
        try:
            while not feeding.done():
                await self._take_in()
                for action in self._inbox.take(self._clock.now_ns()):
                    self._funnel.act(action)
                self._release(self._funnel.release(self._taken_in_ns))
                await asyncio.wait({feeding}, timeout=RELEASE_EVERY_S)
            feeding.result()
            self._release(self._funnel.flush())  # what still waits for its sensors' latency has been heard, too
        finally:
            feeding.cancel()
            self._inbox.close()
            if self._keeper is not None:
                self._keeper.close(None if self._is_half_stepped else self._pipeline)
            if self._telling is not None:
                self._telling.close()

    async def _take_in(self) -> None:
        """Let everything that has arrived by now be delivered. What time makes certain is judged by this time and not
        by the clock: after a stall (a large message, a busy machine) good data still waits in the kernel, and would
        be called late."""
        now_ns = self._clock.now_ns()
        for _ in range(PASSES):
            await asyncio.sleep(0)
        if now_ns < self._taken_in_ns - SET_BACK_NS:  # the pipeline sees it by the ticks, in a replay too
            log.warning("the clock was set back by %.0f s: tracks begin anew", (self._taken_in_ns - now_ns) / SECOND_NS)
            self._release(self._funnel.flush())
            self._funnel = Funnel(self._site, self._settings, now_ns, speakers(self._site, self._feeds))
        self._taken_in_ns = now_ns

    def _deliver(self, feed_index: int, result: Normalised, t_recv_ns: int) -> None:
        """What a feed made of one frame. Everything that is certain now goes on at once."""
        self._funnel.offer(result, self._site.feeds[feed_index].sensor, feed_index, t_recv_ns)
        self._release(self._funnel.release(self._taken_in_ns))

    def _report(self, report: SensorReport) -> None:
        if self._stage.ends_with_files and report.ended:
            self._playing.discard(report.sensor)
            if not self._playing and self._stop is not None:
                self._stop.set()
                return
        self._funnel.report(report)

    def _release(self, ticks: list[Tick]) -> None:
        for tick in ticks:
            if self._keeper is not None:
                self._keeper.put(tick)
            events = self._step(tick)
            if tick.actions:
                self._inbox.done(tick.actions, events, self._pipeline.alerts)
            if self._telling is not None:
                self._telling.take(events, self._pipeline)
            if self._keeper is not None:
                self._keeper.checkpoint(tick, self._pipeline)
            if tick.batch is not None and len(tick.batch):
                self._recv_ns = max(self._recv_ns, int(tick.batch.t_recv_ns.max()))
            self._changed = True
        now_s = monotonic_s()
        if self._changed and now_s - self._published_s >= PUBLISH_EVERY_S and self._pipeline.t_ns is not None:
            self._published_s, self._changed = now_s, False
            picture = self._picture()
            self._hub.publish(picture)
            if self._telling is not None:
                self._telling.show(picture.snapshot, picture.alerts)

    def _picture(self) -> Picture:
        outputs = () if self._telling is None else self._telling.statuses()
        words = {} if self._keeper is None else {"Recording": self._keeper.status()}
        if self._telling is not None:
            words["Outbox"] = self._telling.trouble()
            words |= {f"Output {output.id}": output.trouble for output in outputs}
        own = self._own.step(words, self._pipeline.t_ns or 0)
        return replace(picture_of(self._pipeline, self._stage, self._recv_ns, own), outputs=outputs)

    def _step(self, tick: Tick) -> list[Event]:
        self._is_half_stepped = True
        events = step_or_save(self._pipeline, tick)
        self._is_half_stepped = False
        return events


def step_or_save(pipeline: Pipeline, tick: Tick) -> list[Event]:
    """A step that fails is our bug: the tick is saved where it can be run again. Raises ``InvariantError``."""
    try:
        return pipeline.step(tick)
    except Exception as error:
        path = save_payload(encode_tick(tick))
        raise InvariantError(f"the pipeline failed on the tick saved in {path}: {error!r}", path) from error


class OwnAlerts:
    """Alerts of the node's own (its recording or an output fails): no facts of the recorded stream, which lacks them
    by nature, so they stand beside the desk's. Each is raised once, for as long as its trouble is the same."""

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}

    def step(self, words: dict[str, str], t_ns: int) -> tuple[Alert, ...]:
        """Those there are, by what is wrong with what ("" where nothing is). Their numbers are 0 and less."""
        for number, (what, trouble) in enumerate(words.items()):
            title, known = f"{what}: {trouble}", self._alerts.get(what)
            if not trouble:
                self._alerts.pop(what, None)
            elif known is None or known.title != title:
                self._alerts[what] = Alert(id=-number, priority="medium", title=title, raised_ns=t_ns)
        return tuple(self._alerts[what] for what in words if what in self._alerts)


def _nobody(events: Sequence[Event], pipeline: Pipeline) -> None:
    """There is no output."""


def picture_of(pipeline: Pipeline, stage: Stage, recv_ns: int, own: tuple[Alert, ...] = ()) -> Picture:
    """The picture as everybody outside sees it, with the node's own alerts."""
    return Picture(
        site=pipeline.site, mode=stage.mode, epoch=stage.epoch + ERA * pipeline.eras, snapshot=pipeline.snapshot(),
        recv_ns=recv_ns, sensors=pipeline.sensors, alerts=(*own, *pipeline.alerts),
        scene=stage.scene, trouble="; ".join(alert.title for alert in own),
        reprocessing=pipeline.reprocessing, desk=pipeline.desk, figures=pipeline.figures(),
    )  # fmt: skip
