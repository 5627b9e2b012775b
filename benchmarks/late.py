"""Frames up to ten seconds late: is the settled picture that of the run in order, and what does it cost?

`python -m benchmarks.late [S1 S4 S8] [--seeds 0-2] [--duration 60] [--json OUT]`: each frame (the rows of one sensor
and time) of a scenario is received up to 10 s after it was seen, evenly drawn, and the file tracked by `lowsky track
--settled` in order of receipt; beside it the same rows without any delay. Identical means the bytes of the settled
tables. Cost is CPU time of the one over that of the other. Everything is simulated.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console

from benchmarks.figures import print_and_write
from benchmarks.tracking import CASES, seeds_of
from lowsky.cli import offline
from lowsky.simulate import simulate

LATEST_NS = 10_000_000_000


def frames_late(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Measurement rows of which each frame is received up to ``LATEST_NS`` after its time."""
    frames = rows.select("sensor", "time").unique(maintain_order=True)
    delay = pl.Series("delay", rng.integers(0, LATEST_NS, size=len(frames)))
    rows = rows.join(frames.with_columns(delay), on=["sensor", "time"], how="left", maintain_order="left")
    return rows.with_columns(received=pl.col("time") + pl.duration(nanoseconds="delay")).drop("delay")


def settled(folder: Path, name: str, rows: pl.DataFrame) -> tuple[bytes, float]:
    """The settled table's bytes of rows in order of receipt, and CPU seconds. ``folder`` holds ``site.toml``."""
    source, tracks, table = (folder / f"{name}.{part}.parquet" for part in ("rows", "tracks", "settled"))
    rows.sort("received", maintain_order=True).write_parquet(source)
    begun_s = time.process_time()
    if offline.track(folder / "site.toml", (str(source),), tracks, None, table, Console(quiet=True)):
        raise SystemExit(f"{source} could not be tracked")
    return table.read_bytes(), time.process_time() - begun_s


def measure(name: str, seed: int, duration_s: float) -> tuple[bool, float]:
    """Is the settled table the same, and how many times the CPU time it took."""
    world = simulate(CASES[name].scenario, seed=seed, duration_s=duration_s)
    rows = world.measurements.with_columns(received=pl.col("time")).sort("time", maintain_order=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "site.toml").write_text(world.site_toml, encoding="utf-8")
        in_order, plain_s = settled(folder, "in-order", rows)
        late, late_s = settled(folder, "late", frames_late(rows, np.random.default_rng(seed)))
    return late == in_order, late_s / plain_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["S1", "S4", "S8"], metavar="S1")
    parser.add_argument("--seeds", default="0-2", help="first-last")
    parser.add_argument("--duration", type=float, default=60.0, help="seconds of each scenario")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    seeds = seeds_of(asked.seeds)
    found: dict[str, object] = {"seeds": asked.seeds, "duration_s": asked.duration, "simulated": True}
    goals = []
    for name in asked.names:
        runs = [measure(name, seed, asked.duration) for seed in seeds]
        same, cost = sum(is_same for is_same, _ in runs), float(np.mean([times for _, times in runs]))
        found[name] = f"{same} of {len(runs)} identical, {cost:.2f} x the CPU time"
        goals.append(
            {
                "what": f"{name}, frames up to 10 s late: settled picture as in order", "goal": "identical",
                "found": found[name], "holds": same == len(runs), "n": f"{asked.seeds} (n = {len(runs)})",
            }
        )  # fmt: skip
    print_and_write(found | {"goals": goals}, asked.json, hidden=("goals",))


if __name__ == "__main__":
    main()
