"""Plot received → WebSocket frame sent, at 1,000 tracks and 5,000 plots a second, through the whole node.

`python -m benchmarks.latency [--seconds 60] [--json OUT]` starts `lowsky run` as a process of its own, sends it CAT048
datagrams of four simulated radars over loopback UDP, and reads the page's WebSocket. The stream is ordered by event
time, so a plot is in a frame as soon as the frame's time reaches the plot's; its latency is the frame's sending time
minus the time the datagram was sent (loopback: received). Sender and reader share the two cores with the node.
"""

import asyncio
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

import numpy as np
import websockets

from benchmarks.figures import arguments, print_and_write
from benchmarks.load import Load, send

WARM_S = 15.0  # tracks are born and confirmed; not counted


def start_node(site: Path) -> tuple[subprocess.Popen[str], str]:
    node = subprocess.Popen(
        [sys.executable, "-m", "lowsky", "run", str(site), "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    assert node.stderr is not None
    for line in node.stderr:
        if found := re.search(r"http://\S+", line):
            threading.Thread(target=node.stderr.read, daemon=True).start()
            return node, found.group(0).rstrip("/")
    raise SystemExit("the node did not start")


async def read_frames(address: str, until: threading.Event) -> list[tuple[float, float, int]]:
    """(time of the picture, time sent, tracks of the picture) of every frame."""
    frames = []
    url = address.replace("http", "ws") + "/api/stream"
    async with websockets.connect(url, origin=address, max_size=2**24) as stream:
        while not until.is_set():
            try:
                message = await asyncio.wait_for(stream.recv(), 1.0)
            except TimeoutError:
                continue
            if isinstance(message, bytes):
                t_data, t_sent = struct.unpack_from("<dd", message, 16)
                frames.append((t_data, t_sent, struct.unpack_from("<I", message, 56)[0]))
    return frames


def measure(seconds: float, load: Load) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site.toml"
        load.write_site(site)
        node, address = start_node(site)
        try:
            log: list[tuple[float, float, int]] = []
            done = threading.Event()

            def work() -> None:
                send(load, WARM_S + seconds, log)
                done.set()

            sender = threading.Thread(target=work, daemon=True)
            sender.start()
            frames = asyncio.run(read_frames(address, done))
            health = json.load(urllib.request.urlopen(address + "/api/health", timeout=10))
            cpu = sum(os_times(node.pid))
        finally:
            node.send_signal(signal.SIGINT)
            node.wait(timeout=20)
    return figures(np.array(log), np.array(frames), seconds, health, cpu)


def os_times(pid: int) -> tuple[float, float]:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / tick, int(fields[12]) / tick


def figures(log: np.ndarray, frames: np.ndarray, seconds: float, health: dict, cpu: float) -> dict:
    counted = log[log[:, 0] >= log[0, 0] + WARM_S]
    shown = np.searchsorted(np.maximum.accumulate(frames[:, 0]), counted[:, 0])
    reached = shown < len(frames)
    latency_s = np.repeat(frames[shown[reached], 1] - counted[reached, 1], counted[reached, 2].astype(int))
    p50, p90, p99, worst = np.percentile(latency_s, [50, 90, 99, 100]) * 1e3
    sensors = health["sensors"]
    return {
        "plots": int(counted[:, 2].sum()),
        "plots_per_s": counted[:, 2].sum() / seconds,
        "plots_never_shown": int(counted[~reached, 2].sum()),
        "tracks": int(np.median(frames[-100:, 2])),
        "frames_per_s": (frames[:, 1] > frames[-1, 1] - seconds).sum() / seconds,
        "p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "worst_ms": worst,
        "rejected": {k: sum(n["counts"].get(k, 0) for n in sensors) for k in ("LATE", "FUTURE", "OVERFLOW")},
        "node_cpu_s": cpu, "sent_plots_total": int(log[:, 2].sum()), "sensors": sensors,
        "cores": os.cpu_count(), "simulated": True,
    }  # fmt: skip


def main() -> None:
    chosen = arguments(__doc__, "seconds", 60.0)
    found = measure(chosen.seconds, Load(first_port=38_600))  # not the soak's: both may run
    print_and_write(found, chosen.json, hidden=("sensors",))


if __name__ == "__main__":
    main()
