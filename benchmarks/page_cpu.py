"""What the page costs: CPU of every browser process for each drawn frame, headless, drawn by the processor.

Run ``uv run python benchmarks/page_cpu.py [--tracks 2000] [--seconds 20]`` (after ``tools/install-test-peers.sh``). The
tracks come from ``tests/browser/fake_node.py`` at 10 Hz; table, labels, tails and vectors are on, everything in view.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def measure(tracks: int, seconds: float, query: str) -> dict[str, float]:
    node = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/browser/fake_node.py"), "--port", "0", "--tracks", str(tracks)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert node.stdout is not None
    try:
        url = node.stdout.readline().strip()
        command = ["node", str(ROOT / "benchmarks/page_cpu.mjs"), url, str(seconds), query]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=180 + seconds)
        result: dict[str, float] = json.loads(run.stdout)
        return result
    finally:
        node.terminate()
        node.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--query", default="", help="for the page: &renderer=webgl, &fps=10")
    arguments = parser.parse_args()
    for tracks in arguments.tracks:
        print(json.dumps(measure(tracks, arguments.seconds, arguments.query)))


if __name__ == "__main__":
    main()
