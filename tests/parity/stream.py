"""One number for a whole event stream: every tick, every event, every picture, byte for byte.

`python -m tests.parity.stream SITE INPUT...` prints it for recorded files.
"""

import hashlib
import sys
from pathlib import Path

import msgspec

from lowsky.engine.config import read_site
from lowsky.engine.offline import open_input, run
from lowsky.engine.pipeline import Pipeline
from lowsky.model.events import Event
from lowsky.model.ports import Tick
from lowsky.wire.columns import encode_tick


class Digest:
    """Feed it every step; ``hex`` names the stream."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.events = self.ticks = 0

    def step(self, tick: Tick, events: list[Event], pipeline: Pipeline) -> None:
        self.ticks += 1
        self.events += len(events)
        self._hash.update(encode_tick(tick))
        self._hash.update(msgspec.json.encode(events))
        tracks = pipeline.snapshot()
        for column in (tracks.track_id, tracks.t_state_ns, tracks.x, tracks.P, tracks.existence, tracks.status):
            self._hash.update(column.tobytes())
        self._hash.update(tracks.class_probability.tobytes())
        self._hash.update(repr(tracks.identity).encode())

    @property
    def hex(self) -> str:
        return self._hash.hexdigest()


def of_files(site_path: Path, inputs: list[Path]) -> Digest:
    site = read_site(site_path)
    digest = Digest()
    run([open_input(path, site) for path in inputs], site, digest.step)
    return digest


if __name__ == "__main__":
    found = of_files(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
    sys.stdout.write(f"{found.hex} {found.ticks} {found.events}\n")
