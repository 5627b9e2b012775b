"""Is our generator the one that the published limits were computed with? Detections, clairvoyant filter and bound.

`python -m benchmarks.generator [S1 S2 …] [--seeds 0-9] [--json OUT] [--markdown OUT]`. No tracker takes part, so it is
no tuning to look at seeds 0–9 here. Published figures are those of the tracking benchmarks' document, mean and half the
95 % interval over seeds 0–9. A row is marked where the two means differ by more than both intervals together would
allow once in a hundred rows.
"""

import argparse
import json
import math
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from benchmarks.tracking import CASES, reference, seeds_of

FIGURES = (
    ("detections", "detections"),
    ("oracle_whole_gospa_m", "GOSPA whole, m"),
    ("oracle_settled_gospa_m", "GOSPA settled, m"),
    ("oracle_settled_rmse_m", "RMSE settled, m"),
    ("bound_m", "PCRB, m"),
    ("oracle_settled_anees", "ANEES"),
)
PUBLISHED = {  # in the order of FIGURES: mean, half the interval (NaN: not given)
    "S1": ((3812, 23), (36.7, 1.9), (33.8, 2.0), (11.0, 0.7), (10.4, 0.2), (1.15, math.nan)),
    "S2": ((17566, 140), (216.1, 2.8), (181.2, 3.2), (18.6, 0.4), (20.2, 0.2), (1.17, math.nan)),
    "S3": ((129201, 491), (343, 17), (299, 16), (9.5, 0.5), (9.5, 0.6), (1.18, math.nan)),
    "S4": ((17122, 72), (43.8, 1.7), (42.8, 1.6), (9.7, 0.4), None, (0.81, math.nan)),
    "S5": ((6384, 77), (38.1, 2.4), (33.6, 2.1), (16.2, 1.1), (15.6, 0.6), (1.11, math.nan)),
    "S6": ((11826, 312), (35.5, 1.8), (34.9, 2.0), (8.0, 0.5), None, (0.79, math.nan)),
    "S7": ((59408, 166), (100.7, 2.9), (85.0, 3.4), (13.6, 0.5), (14.3, 0.3), (1.19, math.nan)),
    "S8": ((21114, 87), (35.1, 1.4), (33.9, 1.2), (7.8, 0.3), (7.1, 0.2), (1.24, math.nan)),
    "S9": ((10742, 42), (55.5, 0.9), (52.9, 0.9), (11.9, 0.2), None, (1.11, math.nan)),
}


def mean_and_half(values: np.ndarray) -> tuple[float, float]:
    """Mean and half its 95 % interval (Student t)."""
    n = len(values)
    half = float(student.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return float(values.mean()), half


def differs(ours: tuple[float, float], theirs: tuple[float, float]) -> bool:
    """Further apart than 1.33 times both half intervals together: one row in a hundred by chance (2.58 ÷ 1.96)."""
    return bool(abs(ours[0] - theirs[0]) > 1.33 * math.hypot(ours[1], theirs[1]))


def rows_of(name: str, runs: list[dict[str, float]]) -> list[dict[str, object]]:
    """One row per figure of a scenario: ours, the published one, and whether they differ."""
    out = []
    for (key, title), theirs in zip(FIGURES, PUBLISHED[name], strict=True):
        if theirs is None:
            continue
        ours = mean_and_half(np.array([run[key] for run in runs], float))
        told = theirs if math.isfinite(theirs[1]) else (theirs[0], ours[1])
        out.append(
            {"scenario": name, "figure": title, "ours": ours, "published": theirs, "differs": differs(ours, told)}
        )
    return out


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 300 else f"{value:.1f}" if abs(value) >= 3 else f"{value:.2f}"


def plus_minus(pair: tuple[float, float]) -> str:
    mean, half = pair
    if not math.isfinite(half):
        return number(mean)
    digits = 0 if abs(mean) >= 300 else 1 if abs(mean) >= 3 else 2
    return f"{number(mean)} ± {half:,.{digits}f}"


def markdown(rows: list[dict]) -> str:
    lines = ["| | figure | ours | published | |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        mark = "**differs**" if row["differs"] else ""
        cells = (row["scenario"], row["figure"], plus_minus(row["ours"]), plus_minus(row["published"]), mark)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(CASES), metavar="S1")
    parser.add_argument("--seeds", default="0-9", help="first-last")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    asked = parser.parse_args()
    seeds, found = seeds_of(asked.seeds), []
    with ProcessPoolExecutor(asked.processes) as pool:
        for name in asked.names:
            rows = rows_of(name, list(pool.map(reference, [name] * len(seeds), seeds)))
            print(markdown(rows).split("\n", 2)[2], end="", flush=True)
            found += rows
    if asked.json:
        asked.json.write_text(json.dumps({"seeds": asked.seeds, "simulated": True, "rows": found}, indent=1) + "\n")
    if asked.markdown:
        asked.markdown.write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
