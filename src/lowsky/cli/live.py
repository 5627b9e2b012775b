"""Commands that serve the map: demo, run, replay."""

import asyncio
import ctypes
import signal
import threading
import webbrowser
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

import lowsky.track
from lowsky.clock import LiveClock
from lowsky.engine.config import parse_site, read_text, whole_text
from lowsky.engine.hub import Controls, Hub
from lowsky.engine.keeper import Keeper
from lowsky.engine.node import Node, Stage
from lowsky.engine.operators import LiveControls
from lowsky.engine.outputs import missing_faults
from lowsky.engine.telling import Telling
from lowsky.errors import ConfigError, Fault, LowskyError
from lowsky.model.site import Site
from lowsky.record.reader import Recording, open_recording
from lowsky.serve.run import serve
from lowsky.wire.shown import shown

Say = Callable[..., Any]


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM (a service manager) ends as Ctrl-C does: in good order. The server raises it again once it has stopped,
    and with the system's own treatment that would end the process before the recording is closed."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only there may signals be treated
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


M_ARENA_MAX = -8  # of <malloc.h>


def use_one_heap() -> bool:
    """Let all threads allocate from one heap where the C library is glibc; False elsewhere. Without it memory that one
    thread frees is not used again for another's, and a node grows by tens of MiB an hour (docs/decisions/0072)."""
    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1))
    except (AttributeError, OSError):
        return False


QUIET_S = 2.0  # work that takes longer says what it is


def prepare(say: Say) -> None:
    """Load the tracker's kernels before anything is shown; the very first start has to compile them."""
    told = threading.Timer(QUIET_S, say, ["Compiling the tracker. Only the first start takes this, about a minute …"])
    told.daemon = True
    told.start()
    try:
        lowsky.track.warm_up()
    finally:
        told.cancel()


ENDS_WITHIN_S = 10.0  # the engine is waited for so long; what it could not compact the next start does


class Engine:
    """The engine's thread beside the server's. When it fails, the server is told to stop and the error is raised."""

    def __init__(self, work: Callable[[], None], stop: Callable[[], None]) -> None:
        self._stop = stop
        self._work: Future[None] = Future()
        self._stop_server = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work,), name="engine", daemon=True)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
            self._work.set_result(None)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits, which raises it
            self._work.set_exception(error)
            self._stop_server.set()

    def serve(self, hub: Hub, controls: Controls, host: str, port: int, say: Say, browser: bool = False) -> int:
        """Serve until interrupted. The exit status; raises what the engine raised."""

        def ready(address: str) -> None:
            say(f"The map is at {address}  (Ctrl-C ends)")
            if browser:
                webbrowser.open(address)
            self._thread.start()

        if not 0 <= port <= 65_535:  # the system would take it modulo 65,536
            raise ConfigError([Fault("--port", str(port), "a number from 0 to 65535")])
        use_one_heap()
        prepare(say)
        with ended_by_sigterm():
            try:
                serve(hub, controls, host, port, ready=ready, stop=self._stop_server)
            finally:
                self._stop()
                if self._thread.is_alive():
                    self._thread.join(timeout=ENDS_WITHIN_S)
        if self._thread.is_alive():
            raise LowskyError(f"the engine did not end within {ENDS_WITHIN_S:g} s; what it had not written is lost")
        if self._work.done():
            self._work.result()
        return 0


def demo(port: int, browser: bool, speed: float, say: Say) -> int:
    from lowsky.engine.demo.driver import Demo

    if not 0.1 <= speed <= 100.0:
        raise ConfigError([Fault("--speed", f"{speed:g}", "a number from 0.1 to 100")])
    hub = Hub()
    driver = Demo(hub, speed)
    return Engine(driver.run, driver.stop).serve(hub, driver, "127.0.0.1", port, say, browser)


def run(
    site_path: Path, record: Path | None, host: str, port: int, say: Say, outbox: Path | None = None,
    exercise: bool = False,
) -> int:  # fmt: skip
    site_toml = read_text(site_path)
    site = parse_site(site_toml, site_path.name, site_path.parent)
    site = msgspec.structs.replace(site, exercise=site.exercise or exercise)
    for lack in (lost for file in site.zone_files for lost in file.lost):
        say(f"NOT WATCHED: {lack}")
    if not site.feeds:
        raise ConfigError([Fault(str(site_path), "no [[feed]]", "at least one feed; see docs/feeds")])
    folder = _outbox_folder(site, site_toml, site_path, record, outbox)
    hub, controls = Hub(), LiveControls()
    stopping = threading.Event()
    loop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def work() -> None:
        stop = asyncio.Event()
        loop.append((asyncio.get_running_loop(), stop))
        if stopping.is_set():
            return
        # only now: a node that cannot serve its map has not touched the folders
        telling = None if folder is None else Telling(site, folder)
        safe = telling.flush if telling is not None else lambda: True
        keeper = None if record is None else Keeper(record, whole_text(site_toml, site), safe)
        controls.node = node = Node(site, LiveClock(), hub, Stage("live"), keeper, telling=telling)
        await node.run(stop)

    def end() -> None:
        stopping.set()
        for running, stop in loop:
            if running.is_running():
                running.call_soon_threadsafe(stop.set)

    return Engine(lambda: asyncio.run(work()), end).serve(hub, controls, host, port, say)


def _outbox_folder(
    site: Site, site_toml: str, site_path: Path, record: Path | None, outbox: Path | None
) -> Path | None:
    """Where the outbox lies; None without outputs. Raises ``ConfigError`` with everything outputs lack."""
    if not site.outputs:
        return None
    faults = missing_faults(site, site_toml, site_path.name)
    folder = outbox or record
    if folder is None:
        found = "outputs, and no folder for what they have still to tell after a crash"
        faults.append(Fault("lowsky run", found, "--record FOLDER or --outbox FOLDER"))
    if faults:
        raise ConfigError(faults)
    return folder


def lacks_of(recording: Recording) -> list[str]:
    """What a recording cannot show, a line each: a picture with holes must not look whole."""
    lacks = list(recording.faults)
    if recording.gaps:
        ticks, measurements = (sum(getattr(gap, name) for gap in recording.gaps) for name in ("ticks", "measurements"))
        why = "; ".join(dict.fromkeys(gap.cause for gap in recording.gaps))
        lacks.append(f"{recording.path} lacks {ticks:,} ticks with {measurements:,} measurements ({why})")
    return [shown(lack, 500) or "" for lack in lacks]  # the recording may be anybody's, and so its words


def replay(path: Path, speed: str, host: str, port: int, say: Say) -> int:
    from lowsky.engine.player import Player

    pace: float | None = None
    if speed != "max":
        try:
            pace = float(speed)
        except ValueError:
            pace = -1.0
        if not 0.01 <= pace <= 1000.0:
            raise ConfigError([Fault("--speed", speed, "a number from 0.01 to 1000, or max")])
    if not path.exists():
        raise ConfigError([Fault(str(path), "no such folder", "a folder that lowsky run --record wrote")])
    recording = open_recording(path)
    site = parse_site(recording.site_toml, f"{path}: site file")
    for lack in lacks_of(recording):
        say(lack)
    hub = Hub()
    player = Player(recording, site, hub, pace)
    return Engine(player.run, player.stop).serve(hub, player, host, port, say)
