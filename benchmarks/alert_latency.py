"""How long does an alert take from its event to its receiver? Loopback webhooks, simulated drones.

`python -m benchmarks.alert_latency [--seconds 120] [--count 1000] [--seeds 100] [--json OUT]`. Two figures. "outbox":
from the moment the engine hands an occurrence over until the receiver has all of it: durable on disk (fsync), marked as
under way (fsync), sent. "node": the whole `lowsky run` with recording and outbox, from the time of the event in the
stream (a whole second, by the data) until the receiver has it; that also holds what `align` waits for the sensors
(`latency_s` 0 here), tracking and the rule.
"""

import argparse
import json
import random
import tempfile
import time
from datetime import datetime
from pathlib import Path

import numpy as np
from tests.outboxes import OUTPUT, occurrence, webhook
from tests.receivers import Hook
from tests.scenarios.node.harness import Node, Plots, Talk, feed, free_port, radar, site_text, table

from lowsky.outputs.courier import Courier
from lowsky.outputs.outbox import Outbox
from lowsky.outputs.store import NAME

GOAL_MS = 250.0
GAP_S = 0.02  # mean, between occurrences
DRONES = 8  # 45° apart, so that each is an incident of its own


def figures(seconds: list[float]) -> dict:
    p50, p99 = np.percentile(np.array(seconds) * 1e3, (50, 99))
    return {"n": len(seconds), "p50_ms": float(p50), "p99_ms": float(p99), "max_ms": float(max(seconds) * 1e3)}


def of_outbox(count: int, seed: int) -> dict:
    draw, handed = random.Random(seed), {}
    with tempfile.TemporaryDirectory() as folder, Hook() as hook:
        outbox = Outbox(Path(folder) / NAME, (OUTPUT.id,))
        courier = Courier(OUTPUT, outbox, webhook(hook.url))
        courier.start()
        for number in range(1, count + 1):
            handed[number] = time.time()
            outbox.put([occurrence(number, outbox.series)])
            time.sleep(draw.expovariate(1.0 / GAP_S))
        while courier.status().waiting:
            time.sleep(0.01)
        courier.stop()
        outbox.close()
        arrived = {int(json.loads(body)["sequence"]): at for at, _, body in hook.got}
    return figures([arrived[number] - at for number, at in handed.items()])


def of_node(seconds: float, seed: int) -> dict:
    draw = random.Random(seed)
    every = tuple((2000.0 + 100.0 * k, 45.0 * k) for k in range(DRONES))
    plots = Plots("radar-1", free_port(), drones=every)
    rule = table("[[rule]]", id="anything", priority="high", on_s=0.0, off_s=1.0)
    with tempfile.TemporaryDirectory() as folder, Hook() as hook:
        output = table("[[output]]", id="hook", kind="webhook", url=hook.url)
        site = site_text(radar("radar-1", latency_s=0.0), feed("radar-1", plots.port), rule, output)
        with Node(Path(folder), site, record=Path(folder) / "record") as node:
            node.wait_until_it_runs()
            with Talk(plots):
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    plots.drones = tuple(drone for drone in every if draw.random() < 0.5)
                    time.sleep(draw.uniform(4.0, 8.0))
            node.end()
        events = [(at, json.loads(body)) for at, _, body in hook.got]
    took = [at - datetime.fromisoformat(event["time"]).timestamp() for at, event in events if not event["repeat"]]
    return figures(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    told = {"outbox": of_outbox(asked.count, asked.seeds), "node": of_node(asked.seconds, asked.seeds)}
    for name, found in told.items():
        print(
            f"{name}: p50 {found['p50_ms']:.0f} ms, p99 {found['p99_ms']:.0f} ms, most {found['max_ms']:.0f} ms", end=""
        )
        print(f", n = {found['n']} (goal: p99 ≤ {GOAL_MS:g} ms)")
    if asked.json:
        asked.json.write_text(json.dumps(told | {"seed": asked.seeds, "simulated": True}, indent=1))


if __name__ == "__main__":
    main()
