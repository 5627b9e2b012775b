"""How fast does a Parquet measurement table become batches?

    python -m benchmarks.table_read [--json OUT] [--rows N]

Three tables, as sites make them: a radar with looks of 1,000 plots, the same rows as looks of 10 plots (10 times a
surveillance radar's rate of looks), and cooperative reports of four receivers with texts. Rows are random, seeded.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lowsky.feeds.table import read_measurements
from lowsky.model.site import Sensor, Site

SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS
SITE = Site(
    name="bench",
    latitude_rad=0.65,
    longitude_rad=2.2,
    height_m=0.0,
    sensors=(
        Sensor(id="radar", kind="radar", latitude_rad=0.65, longitude_rad=2.2, height_m=0.0, look_period_s=1.0),
        *(
            Sensor(id=f"receiver-{k}", kind="cooperative", latitude_rad=0.65, longitude_rad=2.2, height_m=0.0)
            for k in range(4)
        ),
    ),
)


def radar_table(rng: np.random.Generator, n: int, per_look: int) -> pa.Table:
    look = np.arange(n) // per_look
    t_ns = START_NS + np.arange(n) * (SECOND_NS // 1000)
    return pa.table(
        {
            "time": pa.array(t_ns, pa.timestamp("ns", "UTC")),
            "received": pa.array(t_ns + 20_000_000, pa.timestamp("ns", "UTC")),
            "sensor": pa.array(["radar"] * n),
            "look": look,
            "range_m": rng.uniform(50, 5000, n),
            "azimuth_deg": rng.uniform(0, 360, n),
            "elevation_deg": rng.uniform(0, 45, n),
            "range_rate_mps": rng.normal(0, 20, n),
            "snr_db": rng.normal(15, 4, n),
        }
    )


def report_table(rng: np.random.Generator, n: int) -> pa.Table:
    t_ns = START_NS + np.arange(n) * (SECOND_NS // 2000)
    who = rng.integers(0, 300, n)
    return pa.table(
        {
            "time": pa.array(t_ns, pa.timestamp("ns", "UTC")),
            "sensor": np.array([f"receiver-{k}" for k in range(4)])[rng.integers(0, 4, n)],
            "latitude_deg": rng.uniform(37, 38, n),
            "longitude_deg": rng.uniform(126, 127, n),
            "height_m": rng.uniform(0, 12000, n),
            "east_mps": rng.normal(0, 100, n),
            "north_mps": rng.normal(0, 100, n),
            "up_mps": rng.normal(0, 5, n),
            "sigma_height_m": np.full(n, 20.0),
            "identity": np.array([f"{k:06x}" for k in range(300)])[who],
            "callsign": np.array([f"TEST{k}" for k in range(300)])[who],
        }
    )


def measure(path: Path, n: int) -> dict[str, float]:
    best, best_cpu, batches = float("inf"), float("inf"), 0
    for _ in range(3):
        started, started_cpu = time.perf_counter(), time.process_time()
        batches = rows = 0
        for batch in read_measurements(path, SITE):
            batches += 1
            rows += len(batch)
        best = min(best, time.perf_counter() - started)
        best_cpu = min(best_cpu, time.process_time() - started_cpu)
        if rows != n:
            raise SystemExit(f"{path.name}: {rows} of {n} rows came out")
    return {
        "rows": n,
        "batches": batches,
        "rows_per_s": n / best,
        "rows_per_cpu_s": n / best_cpu,  # of all threads together: what a busy machine still gives
        "batches_per_s": batches / best,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    rng = np.random.default_rng(3)
    tables = {
        "radar, 1,000 plots a look": radar_table(rng, options.rows, 1000),
        "radar, 10 plots a look": radar_table(rng, options.rows // 5, 10),
        "reports with texts": report_table(rng, options.rows),
    }
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, table in tables.items():
            path = Path(folder) / "measurements.parquet"
            pq.write_table(table, path, compression="zstd")
            figures[name] = measure(path, table.num_rows)
            f = figures[name]
            rates = f"{f['rows_per_s'] / 1e6:6.2f} M rows/s {f['rows_per_cpu_s'] / 1e6:6.2f} M rows/CPU s"
            print(f"{name:28} {rates} {f['batches_per_s']:10,.0f} batches/s")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
