"""lowsky beside Stone Soup, in one run, on the same simulated measurements: how near to the truth, how fast, how large.

`python -m benchmarks.peers [S1 S2 …] [--seeds 0-9] [--json OUT]`. Each scenario and seed is simulated once; both
trackers get the same looks in the same order and are scored alike (docs/scenarios.md, "Metrics"), beside the filter
that is told every association. Speed is CPU time of the trackers' steps alone on prepared looks: two processes, one
thread each, warm, pinned to one core, by turns, lowsky a whole run after each `--turn-seconds` of the peer's. Where the
peer is stopped by `--cpu-seconds`, the ratio is over the looks it did, and it has no scores. Memory is the peak of a
process above where it stood, warm, before the first look. Ratios are of means over the seeds, their 95 % interval by
jackknife.
"""

import argparse
import ctypes
import gc
import json
import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.figures import peak_mib, reset_peak, resident_mib
from benchmarks.tracking import CASES, WINDOWED, formation, measure, ratio, seeds_of
from lowsky.align.funnel import Funnel
from lowsky.engine.config import read_site
from lowsky.engine.offline import Input, ticks_of
from lowsky.evaluate import evaluate
from lowsky.model.ports import Tick
from lowsky.model.site import Feed, Site
from lowsky.simulate import simulate
from lowsky.track import warm_up
from lowsky.track.tracker import Tracker

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
WARM_LOOKS = 5  # of the peer; nothing compiles in it, but modules and caches load
PACKAGES = ("lowsky", "stonesoup", "numpy", "scipy", "numba")
SCORES = ("gospa_m", "missed", "false", "rmse_m")
Turn = dict[str, object]


def read(folder: Path) -> tuple[Site, list[Tick]]:
    """The site and the stream behind ``align`` of what was simulated into the folder."""
    site, table = read_site(folder / "site.toml"), folder / "measurements.parquet"
    feed = Feed(sensor=site.sensors[0].id, format="table", source=f"file:{table}")
    return site, list(ticks_of([Input(table, feed)], site, Funnel(site)))


def start_of_memory() -> float:
    """What this process holds now, MiB, with what is free given back; its peak counts from here."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    reset_peak()
    return resident_mib()


def lowsky_turns(name: str, site: Site, ticks: list[Tick]) -> Iterator[Turn]:
    """Each turn is a whole run with a new tracker: CPU seconds of every tick. The first is for memory."""
    warm_up()
    before = start_of_memory()
    peak = None
    while True:
        tracker = Tracker(site)
        took = np.empty(len(ticks))
        for k, tick in enumerate(ticks):
            begun = time.thread_time_ns()
            tracker.step(tick)
            took[k] = time.thread_time_ns() - begun
        if peak is None:
            peak = peak_mib() - before
        yield {"cpu_s": took * 1e-9, "peak_mib": peak}


def peer_turns(name: str, site: Site, ticks: list[Tick], turn_s: float, limit_s: float) -> Iterator[Turn]:
    """One run in turns of ``turn_s``: CPU seconds of every look so far; in the last turn the tracks too. What each look
    is made of is turned into Stone Soup's objects before its step and outside the time."""
    from benchmarks.stonesoup_peer import SETTINGS, StoneSoup, Table, time_of  # not needed beside lowsky: memory

    looks = [tick.batch for tick in ticks if tick.batch is not None]

    def run(tracker: StoneSoup, table: Table, until: int) -> Iterator[float]:
        for batch in looks[:until]:
            detections = tracker.views[batch.sensor].detections(batch)
            begun = time.thread_time_ns()
            tracker.step(batch.sensor, detections, time_of(batch.t_ns))
            yield (time.thread_time_ns() - begun) * 1e-9
            table.put(tracker, batch.t_ns)

    for _ in run(StoneSoup(site, SETTINGS[name]), Table(site), WARM_LOOKS):
        pass
    before = start_of_memory()
    tracker, table, took, turned = StoneSoup(site, SETTINGS[name]), Table(site), [], 0.0
    for cost in run(tracker, table, len(looks)):
        took.append(cost)
        total = sum(took)
        if total >= limit_s:
            break
        if total - turned >= turn_s:
            turned = total
            yield {"ended": False}
    peak = peak_mib() - before
    whole = len(took) == len(looks)
    yield {"ended": True, "cpu_s": np.array(took), "peak_mib": peak, "tracks": table.frame() if whole else None}


def serve(pipe, turns, core: int, name: str, folder: Path, options: tuple[float, ...]) -> None:
    """A process of its own: one turn for each question, until the other end is closed."""
    os.sched_setaffinity(0, {core})
    site, ticks = read(folder)
    mine = turns(name, site, ticks, *options)
    try:
        while True:
            pipe.recv()
            pipe.send(next(mine))
    except EOFError:
        pass


class Worker:
    """The other end of ``serve``."""

    def __init__(self, turns, core: int, name: str, folder: Path, *options: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, turns, core, name, folder, options), daemon=True)
        self._process.start()
        theirs.close()

    def turn(self) -> dict:
        self._pipe.send(None)
        return self._pipe.recv()

    def close(self) -> None:
        self._pipe.close()
        self._process.join()


def alternate(name: str, folder: Path, core: int, turn_s: float, limit_s: float) -> tuple[dict, dict]:
    """The last turn of the peer, and of lowsky the mean CPU seconds of every tick over its turns but the first."""
    workers = [Worker(lowsky_turns, core, name, folder), Worker(peer_turns, core, name, folder, turn_s, limit_s)]
    ours, peer = workers
    try:
        first = ours.turn()
        runs = [ours.turn()["cpu_s"]]
        while not (told := peer.turn())["ended"]:
            runs.append(ours.turn()["cpu_s"])
        runs.append(ours.turn()["cpu_s"])
    finally:
        for worker in workers:
            worker.close()
    return told, {"cpu_s": np.mean(runs, axis=0), "peak_mib": first["peak_mib"], "runs": len(runs)}


def compare(name: str, seed: int, core: int, turn_s: float, limit_s: float) -> dict[str, float]:
    """All figures of one scenario and seed: ``peer_``, ``lowsky_`` and ``oracle_``."""
    case = CASES[name]
    world = simulate(case.scenario, seed=seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "site.toml").write_text(world.site_toml, encoding="utf-8")
        world.measurements.write_parquet(folder / "measurements.parquet")
        peer, ours = alternate(name, folder, core, turn_s, limit_s)
        _, ticks = read(folder)
    return speeds(ticks, peer, ours) | scores(name, seed, world, peer["tracks"])


def speeds(ticks: list[Tick], peer: dict, ours: dict) -> dict[str, float]:
    """Detections and CPU seconds: of whole runs, and of lowsky also up to the last look that the peer did."""
    rows = np.array([0 if tick.batch is None else len(tick.batch) for tick in ticks])
    looks = np.flatnonzero([tick.batch is not None for tick in ticks])
    done = len(peer["cpu_s"])
    upto = looks[done - 1] + 1
    return {
        "looks": len(looks),
        "peer_looks": done,
        "detections": int(rows.sum()),
        "peer_detections": int(rows[:upto].sum()),
        "peer_cpu_s": float(peer["cpu_s"].sum()),
        "lowsky_cpu_s": float(ours["cpu_s"].sum()),
        "lowsky_cpu_s_same_looks": float(ours["cpu_s"][:upto].sum()),
        "lowsky_runs": ours["runs"],
        "peer_worst_look_ms": float(peer["cpu_s"].max() * 1e3),
        "lowsky_worst_look_ms": float(ours["cpu_s"].max() * 1e3),
        "peer_mib": peer["peak_mib"],
        "lowsky_mib": ours["peak_mib"],
    }


def scores(name: str, seed: int, world, tracks) -> dict[str, float]:
    """lowsky's and the oracle's scores, and the peer's where it did the whole run."""
    case, known = CASES[name], measure(name, seed)
    out = {"seed": seed, "lowsky_switches": known["switches"], "oracle_switches": known["oracle_switches"]}
    theirs = None
    if tracks is not None:
        theirs = evaluate(
            tracks, world.truth, max_age_s=case.max_age_s, cutoff_m=case.cutoff_m, settled_from_s=case.settled_from_s,
            origin="simulated",
        ).metrics  # fmt: skip
        out["peer_switches"] = theirs["identity_switches"]
    held = {} if tracks is None else formation(tracks, world.truth, case.max_age_s, case.windows_s)
    out |= {f"peer_{key}": value for key, value in held.items()}
    for key in windowed(name):
        out[f"lowsky_{key}"], out[f"oracle_{key}"] = known[key], known[f"oracle_{key}"]
    for key in (f"{window}_{score}" for window in ("whole", "settled") for score in SCORES):
        out[f"lowsky_{key}"], out[f"oracle_{key}"] = known[key], known[f"oracle_{key}"]
        if theirs is not None:
            window, _, score = key.partition("_")
            out[f"peer_{key}"] = theirs[window][score]
    return out


def windowed(name: str) -> list[str]:
    """Names of the figures of a formation's windows."""
    return [f"{key}_{first:g}" for key, _ in WINDOWED for first, _ in CASES[name].windows_s]


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Means over the seeds, ratios with half their intervals. The peer has scores only where every run was whole."""
    keys = [key for key in runs[0] if key != "seed" and all(key in run for run in runs)]
    columns = {key: np.array([run[key] for run in runs], float) for key in keys}
    out: dict[str, float] = {key: float(np.nanmean(values)) for key, values in columns.items()}
    out["n"] = len(runs)
    out["peer_per_s"] = columns["peer_detections"].sum() / columns["peer_cpu_s"].sum()
    out["lowsky_per_s"] = columns["detections"].sum() / columns["lowsky_cpu_s"].sum()
    out["speed_ratio"], out["speed_ratio_95"] = ratio(columns["peer_cpu_s"], columns["lowsky_cpu_s_same_looks"])
    for who in ("peer", "lowsky"):
        for window in ("settled", "whole"):
            key = f"{window}_gospa_m"
            if f"{who}_{key}" in columns:
                found = ratio(columns[f"{who}_{key}"], columns[f"oracle_{key}"])
                out[f"{who}_{window}_ratio"], out[f"{who}_{window}_ratio_95"] = found
    return out


HEAD = """\
                 settled÷oracle  whole÷oracle   missed   false switches  detections        speed  peak MiB
                                               (whole) (settled)         per CPU s       ÷ peer  above start"""
SCORED = (
    ("settled_ratio", "7.3f"), ("settled_ratio_95", "6.3f"), ("whole_ratio", "8.3f"), ("whole_ratio_95", "6.3f"),
    ("whole_missed", "8.2f"), ("settled_false", "7.2f"), ("switches", "8.1f"),
)  # fmt: skip


def lines(name: str, found: dict[str, float]) -> str:
    """Two lines of the table; more where the peer did not finish, and of a formation's windows."""
    out = []
    for who, title in (("peer", "Stone Soup"), ("lowsky", "lowsky")):
        cells = " ".join(format(found.get(f"{who}_{key}", math.nan), spec) for key, spec in SCORED)
        times = "1" if who == "peer" else f"{found['speed_ratio']:.0f} ± {found['speed_ratio_95']:.0f}"
        size = found[f"{who}_mib"]
        out.append(f"{name:3} {title:10} {cells} {found[f'{who}_per_s']:11,.0f} {times:>12} {size:9.1f}")
    if found["peer_looks"] < found["looks"]:
        out.append(
            f"    Stone Soup was stopped after {found['peer_looks']:.1f} of {found['looks']:.0f} looks (mean), worst "
            f"{found['peer_worst_look_ms'] / 1e3:.1f} s; the speeds' ratio is over those looks"
        )
    for key in windowed(name):
        cells = ", ".join(f"{who} {found.get(f'{who}_{key}', math.nan):.3g}" for who in ("peer", "lowsky", "oracle"))
        out.append(f"    from {key.rpartition('_')[2]} s on, {key.rpartition('_')[0]}: {cells}")
    return "\n".join(out)


def main() -> None:
    from benchmarks.stonesoup_peer import SETTINGS, configuration

    known = [name for name in CASES if name in SETTINGS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=known, metavar="S1")
    parser.add_argument("--seeds", default="0-9", help="first-last; tune on 100 and above only")
    parser.add_argument("--cpu-seconds", type=float, default=120.0, help="the peer's, for each run")
    parser.add_argument("--turn-seconds", type=float, default=2.0, help="CPU of the peer between two runs of lowsky")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(known):
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    os.environ |= dict.fromkeys(ONE_THREAD, "1")  # of the processes to come
    told = configuration(chosen.names) + "\n  " + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"{told}\n\nSimulated, seeds {chosen.seeds}.\n{HEAD}", flush=True)
    found: dict[str, object] = {"configuration": told.splitlines(), "simulated": True, "seeds": chosen.seeds}
    for name in chosen.names:
        runs = [
            compare(name, seed, chosen.core, chosen.turn_seconds, chosen.cpu_seconds) for seed in seeds_of(chosen.seeds)
        ]
        found[name] = summary(runs) | {"runs": runs}
        print(lines(name, found[name]), flush=True)
        if chosen.json:  # after each: a run takes long
            chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
