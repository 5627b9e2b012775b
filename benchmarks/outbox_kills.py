"""Is an alert lost, or told twice unmarked, when its process is killed at any moment?

`python -m benchmarks.outbox_kills [--kills 100] [--seeds 100] [--json OUT]`. A process that raises hundreds of alerts
a second and tells them to a webhook is killed (SIGKILL) at random instants and started again on the same outbox; the
receiver answers after 10 ms, so that most kills come between what it got and its answer. "lost": its number was
acknowledged as being on disk and never came. Synthetic alerts, the real outbox and sender.
"""

import argparse
import json
import random
import tempfile
from pathlib import Path

from tests.receivers import Hook
from tests.unit.outputs.test_kill import judged, slowly, told


def measure(kills: int, seed: int) -> dict:
    with tempfile.TemporaryDirectory() as folder, Hook(answer=slowly) as hook:
        acknowledged = told(folder, hook, kills, random.Random(seed))
        events = hook.events()
    came, twice = judged(events)
    return {
        "kills": kills, "seed": seed, "acknowledged": len(acknowledged), "came": len(came),
        "lost": len(acknowledged - came), "missing_numbers": len(set(range(1, max(came) + 1)) - came),
        "repeats_marked": sum(event["repeat"] for event in events), "twice_unmarked": len(twice),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    figures = measure(asked.kills, asked.seeds)
    for name, value in figures.items():
        print(f"{name:>16}: {value}")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
