"""Is memory flat? A thousand tracks for an hour through the whole node; resident memory once a second.

`python -m benchmarks.soak [--minutes 60] [--json OUT]`. The slope is a least-squares line over the last three quarters,
with its standard error; the node also records, and one page is connected.
"""

import argparse
import asyncio
import json
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.latency import read_frames, start_node
from benchmarks.load import Load, send


def resident_mib(pid: int | str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024.0
    return float("nan")


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
                    samples.append((time.monotonic() - start, resident_mib(node.pid)))

            threading.Thread(target=work, daemon=True).start()
            threading.Thread(target=sample, daemon=True).start()
            frames = asyncio.run(read_frames(address, done))
        finally:
            node.send_signal(signal.SIGINT)
            node.wait(timeout=20)
    rows = np.array(samples)
    late = rows[rows[:, 0] > rows[-1, 0] / 4]
    (slope, level), cov = np.polyfit(late[:, 0] / 3600.0, late[:, 1], 1, cov=True)
    return {
        "minutes": minutes, "tracks": int(np.median([f[2] for f in frames[-100:]])),
        "resident_mib_at_end": float(rows[-60:, 1].mean()), "resident_mib_at_quarter": float(late[:60, 1].mean()),
        "slope_mib_per_h": float(slope), "slope_standard_error": float(cov[0, 0] ** 0.5),
        "line_at_start_mib": float(level),
        "simulated": True,
    }  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, default=60.0)
    arguments.add_argument("--json", type=Path)
    chosen = arguments.parse_args()
    found = measure(chosen.minutes)
    for name, value in found.items():
        print(f"{name:26} {value}")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
