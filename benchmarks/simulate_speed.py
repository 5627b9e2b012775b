"""How many times faster than real time a sky is made up: 100 targets and three sensors, and every built-in scene.

    python -m benchmarks.simulate_speed [--rounds 3] [--seconds 300] [--json OUT]

The first row is the goal: `town-raid` cut down to 100 drones and its three radars, over terrain, with the physics of
the echo; the second the same with a camera, a microphone array and a radar. CPU time of one thread, best round, warm.
"""

import argparse
import json
import time
from pathlib import Path

import msgspec

from lowsky.simulate import Scenario, list_scenarios, load_scenario, simulate


def hundred(sensors: tuple[str, ...]) -> Scenario:
    """The raid with half of its drones and nothing else, and some of its sensors."""
    whole = load_scenario("town-raid")
    drones = [target for target in whole.target if target.object_class == "fixed-wing-drone"]
    targets = tuple(msgspec.structs.replace(target, count=target.count // 2) for target in drones)
    chosen = tuple(sensor for sensor in whole.sensor if sensor.id in sensors)
    return msgspec.structs.replace(whole, target=targets, sensor=chosen)


def measure(scenario: Scenario, seconds: float, rounds: int) -> dict[str, float]:
    """CPU seconds of the best round, and what came of it."""
    best, rows, targets = float("inf"), 0, sum(target.count for target in scenario.target)
    length_s = min(seconds, scenario.duration_s)
    simulate(scenario, 0, duration_s=min(5.0, length_s))
    for seed in range(rounds):
        begin = time.process_time()
        made = simulate(scenario, seed, duration_s=length_s)
        best = min(best, time.process_time() - begin)
        rows = len(made.measurements)
    return {
        "targets": targets, "sensors": len(scenario.sensor), "rows": rows, "simulated_s": length_s,
        "cpu_s": round(best, 3), "times_real_time": round(length_s / best, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    table = {
        "100 drones, three radars": hundred(("radar-north", "radar-south", "radar-east")),
        "100 drones, radar, array, camera": hundred(("radar-north", "array-1", "camera-1")),
    }
    table |= {name: load_scenario(name) for name, _ in list_scenarios() if name not in ("swarm", "scale")}
    found = {}
    for name, scenario in table.items():
        found[name] = measure(scenario, asked.seconds, asked.rounds if len(found) < 2 else 1)
        row = found[name]
        size = f"{row['targets']:>5} targets {row['sensors']:>2} sensors {row['rows']:>7} rows"
        print(f"{name:34} {size} {row['cpu_s']:8.2f} CPU s {row['times_real_time']:7.0f} x real time", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps({"simulated": True, "rows": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
