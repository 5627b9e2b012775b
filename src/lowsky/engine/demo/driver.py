"""Plays scene after scene for the map, through the very node that runs live."""

import asyncio
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path

import msgspec

import lowsky.track
from lowsky.align.settings import LIVE
from lowsky.clock import PacedClock
from lowsky.engine.demo.scenes import SCENES, DemoScene
from lowsky.engine.hub import Hub, Outcome, refusal
from lowsky.engine.node import Node, Stage
from lowsky.engine.offline import Input, results_of
from lowsky.model.ports import OperatorAction
from lowsky.model.site import Site
from lowsky.model.status import Scene

LEAD_NS = 200_000_000
"""The clock of a scene starts this long before its first message."""

PATIENCE_S = 0.15
"""The player wakes up a little late, in wall time; a faster scene clock makes more of it."""


def first_arrival_ns(site: Site) -> int:
    """When the first message of a site's recorded files was received."""
    firsts = []
    for feed in site.feeds:
        for result in results_of(Input.of_feed(feed), site):
            if result.batches:
                batch = result.batches[0]
                firsts.append(int(batch.t_recv_ns.min()) if len(batch) else batch.t_ns)
                break
    return min(firsts)


class Demo:
    """Drives a hub from the scenes in the package, each looping until another is chosen.

    ``run`` blocks its thread; the controls may be called from any. Whatever goes wrong in a scene is raised by
    ``run``: a demo that quietly shows nothing would be a lie.
    """

    def __init__(self, hub: Hub, speed: float = 1.0, scenes: tuple[DemoScene, ...] = SCENES) -> None:
        self._hub, self._speed = hub, speed
        self._scenes = {s.scene.name: s for s in scenes}
        self._chosen = scenes[0].scene.name
        self._epoch = 0
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_scene: asyncio.Event | None = None
        self._node: Node | None = None
        self._stopped = False

    def scenes(self) -> tuple[Scene, ...]:
        return tuple(s.scene for s in self._scenes.values())

    def select_scene(self, name: str) -> None:
        if name in self._scenes:
            self._chosen = name
            self._interrupt()

    def span_ns(self) -> tuple[int, int] | None:
        return None

    def seek(self, t_ns: int) -> None:
        return None

    def act(self, action: OperatorAction) -> "Future[Outcome]":
        with self._lock:
            node = self._node
        return refusal("the scene is still starting") if node is None else node.act(action)

    def stop(self) -> None:
        self._stopped = True
        self._interrupt()

    def _interrupt(self) -> None:
        with self._lock:
            if self._loop is not None and self._stop_scene is not None:
                self._loop.call_soon_threadsafe(self._stop_scene.set)

    def run(self) -> None:
        with tempfile.TemporaryDirectory(prefix="lowsky-demo-") as folder:
            sites: dict[str, Site] = {}
            while not self._stopped:
                chosen = self._scenes[self._chosen]
                name = chosen.scene.name
                if name not in sites:
                    sites[name] = chosen.site(Path(folder))
                asyncio.run(self._play(chosen.scene, sites[name]))
                self._epoch += 1

    async def _play(self, scene: Scene, site: Site) -> None:
        stop = asyncio.Event()
        with self._lock:
            self._loop, self._stop_scene = asyncio.get_running_loop(), stop
        try:
            if scene.name != self._chosen or self._stopped:
                return
            lowsky.track.warm_up()  # before the scene's clock starts
            clock = PacedClock(first_arrival_ns(site) - LEAD_NS, self._speed)
            settings = msgspec.structs.replace(LIVE, wait_at_least_s=PATIENCE_S * self._speed)
            stage = Stage("demo", self._epoch, scene, ends_with_files=True)
            node = Node(site, clock, self._hub, stage, settings=settings)
            with self._lock:
                self._node = node
            await node.run(stop)
        finally:
            with self._lock:
                self._loop = self._stop_scene = self._node = None
