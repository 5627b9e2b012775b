"""What the contract tests and the fuzzer know of each feed: its package and real messages of it.

``tests/feeds/NAME/mutate.py`` gives ``messages() -> list[bytes]``, each as one frame. It may also give
``sensor() -> Sensor``, ``config() -> dict`` (the feed's keys of the site file) and ``T_RECV_NS`` (when the messages
were received, UTC). Recorded files are those in its folder, or among the demo's, which its own ``sniff`` takes.
"""

import importlib
import importlib.util
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lowsky.feeds.registry import feed_named, feed_names, head_of
from lowsky.model.site import Sensor, Site

FEEDS = Path(__file__).parents[1] / "feeds"
DEMO = Path(__file__).parents[2] / "src/lowsky/engine/demo/recordings"
MANY_BYTES = 2_000_000  # larger recordings are left to the feed's own tests
T_RECV_NS = 1_790_000_100_000_000_000
STEP_NS = 1_000_000  # between frames
TEMPLATE = "template"


@dataclass(frozen=True)
class FeedCase:
    """One feed with all it takes to run it."""

    name: str
    package: object
    sensor: Sensor
    site: Site
    config: msgspec.Struct
    messages: list[bytes]
    files: list[Path]
    t_recv_ns: int

    def normaliser(self):
        return self.package.open_feed(self.config, self.sensor, self.site)

    def read_file(self, path):
        return self.package.read_file(path, self.config, self.sensor, self.site, self.t_recv_ns)


def default_sensor(kinds):
    """A sensor of the first kind the feed takes, with every sigma it may need."""
    return Sensor(
        id="one", kind=kinds[0], latitude_rad=0.8, longitude_rad=0.3, height_m=100.0,
        sigma_range_m=30.0, sigma_azimuth_rad=0.002, sigma_elevation_rad=0.01, sigma_range_rate_mps=1.0,
        sigma_position_m=30.0, sigma_height_m=30.0, sigma_velocity_mps=2.0, max_range_m=400_000.0,
    )  # fmt: skip


def messages_module(name):
    """``mutate.py`` of a feed, by its path. ``FileNotFoundError`` where the feed has none: it must."""
    folder = "_template" if name == TEMPLATE else name.replace("-", "_")
    path = FEEDS / folder / "mutate.py"
    spec = importlib.util.spec_from_file_location(f"mutate_{folder}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def recorded_files(name, manifest):
    """Up to three small recorded files of a feed."""
    folder = FEEDS / name.replace("-", "_")
    candidates = sorted(path for place in (folder, DEMO) for path in place.glob("*") if path.is_file())
    small = [path for path in candidates if path.stat().st_size <= MANY_BYTES and path.suffix != ".py"]
    return [path for path in small if manifest.sniff(*head_of(path))][:3]


def package_of(name):
    """The package of one feed, the template included."""
    return importlib.import_module("lowsky.feeds._template") if name == TEMPLATE else feed_named(name)


def feed_case(name) -> FeedCase:
    """Everything of one feed, the template included."""
    package = package_of(name)
    module = messages_module(name)
    sensor = module.sensor() if hasattr(module, "sensor") else default_sensor(package.MANIFEST.sensor_kinds)
    options = module.config() if hasattr(module, "config") else {}
    site = Site(name="contract", latitude_rad=0.8, longitude_rad=0.3, height_m=50.0, sensors=(sensor,))
    return FeedCase(
        name=name,
        package=package,
        sensor=sensor,
        site=site,
        config=msgspec.convert(options, package.Config),
        messages=module.messages(),
        files=recorded_files(name, package.MANIFEST),
        t_recv_ns=getattr(module, "T_RECV_NS", T_RECV_NS),
    )


def all_names() -> tuple[str, ...]:
    return (TEMPLATE, *feed_names())


def mutated(messages: list[bytes], seed: int) -> Iterator[bytes]:
    """Endless hostile messages: bits flipped, bytes cut, put in, doubled, spliced from others, or plain noise."""
    draw = random.Random(seed)
    while True:
        data = bytearray(draw.choice(messages))
        for _ in range(draw.choice((0, 1, 1, 1, 2, 4, 16))):
            at = draw.randrange(len(data) + 1)
            kind = draw.randrange(9)
            if kind <= 2 and at < len(data):
                data[at] ^= 1 << draw.randrange(8)
            elif kind == 3 and at < len(data):
                data[at] = draw.choice((0x00, 0x01, 0x1A, 0x7F, 0x80, 0xFF, 0x0A, 0x2D, 0x39))
            elif kind == 4:
                del data[at:]
            elif kind == 5:
                del data[at : at + draw.randrange(1, 9)]
            elif kind == 6:
                data[at:at] = draw.randbytes(draw.randrange(1, 9))
            elif kind == 7:
                other = draw.choice(messages)
                data[at:] = other[draw.randrange(len(other) + 1) :]
            elif kind == 8:
                data = bytearray(draw.randbytes(draw.randrange(64))) if draw.random() < 0.2 else data + data[at:]
        yield bytes(data[:65_535])
