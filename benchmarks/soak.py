"""Is memory flat? A thousand tracks for an hour through the whole node; resident memory once a second.

`python -m benchmarks.soak [--minutes 60] [--json OUT]`. The slope is a least-squares line over the last three quarters,
with its standard error. One page is connected; nothing is recorded.
"""

import asyncio
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.figures import measure_minutes, resident_mib, slope_of
from benchmarks.latency import read_frames, start_node
from benchmarks.load import Load, send


def measure(minutes: float) -> dict:
    load = Load(period_s=4.0)  # the usual turn of a radar: 1,000 plots a second
    samples: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site.toml"
        load.write_site(site)
        node, address = start_node(site)
        try:
            done = threading.Event()

            def work() -> None:
                send(load, minutes * 60.0, [])
                done.set()

            def sample() -> None:
                start = time.monotonic()
                while not done.wait(1.0):
                    samples.append(((time.monotonic() - start) / 3600.0, resident_mib(node.pid)))

            threading.Thread(target=work, daemon=True).start()
            threading.Thread(target=sample, daemon=True).start()
            frames = asyncio.run(read_frames(address, done))
        finally:
            node.send_signal(signal.SIGINT)
            node.wait(timeout=20)
    rows = np.array(samples)
    late, slope, error = slope_of(rows, 1 / 4)
    return {
        "minutes": minutes, "tracks": int(np.median([f[2] for f in frames[-100:]])),
        "resident_mib_at_end": float(rows[-60:, 1].mean()), "resident_mib_at_quarter": float(late[:60, 1].mean()),
        "slope_mib_per_h": slope, "slope_standard_error": error,
        "simulated": True,
    }  # fmt: skip


if __name__ == "__main__":
    measure_minutes(measure, __doc__)
