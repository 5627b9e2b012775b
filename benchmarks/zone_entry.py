"""How often do probabilities of entering a zone come true?

`python -m benchmarks.zone_entry [SCENE …] [--seeds 0-2] [--horizon 60] [--json OUT]`: each scene is simulated, tracked
from its site file alone, and given twelve zones by its seed (circles, polygons and corridors where its objects fly,
half of them with a ceiling). Every five seconds each confirmed track that is an object of the truth (within 100 m) is
asked, for each zone that it is outside of and could reach: will it be in it within the horizon? The answer of the rules
(``warn.ground``) is held against the truth, and so is straight flight of the track's mean state, which says yes or no.

Brier score, its improvement on straight flight, and calibration (ECE over 15 bins of equal mass; *middle*: of answers
from 0.05 to 0.95 alone, which nobody flatters by easy noes). Scenes weigh alike, whatever flies in them; intervals
are of a bootstrap over runs. Tracks are kept in ``artefacts/bench/zone-entry`` so that a second scoring is quick.
Everything is simulated.
"""

import argparse
import hashlib
import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import lowsky
from benchmarks.tracking import seeds_of
from lowsky.constants import SECOND_NS
from lowsky.engine.config import read_site
from lowsky.engine.offline import Input, run
from lowsky.engine.pipeline import Pipeline
from lowsky.geo.enu import EnuFrame
from lowsky.model.site import Feed, Site
from lowsky.model.track import PositionKind, TrackStatus
from lowsky.model.zone import Zone
from lowsky.simulate import scenario_sha256, simulate
from lowsky.warn.ground import Ground, Ways, ways_of

SCENES = (
    "crossing", "raid", "multirotors", "mixed", "biased-late", "harbour-raid", "harbour", "prison", "outage",
    "airport-approach", "border-balloons", "urban-multirotors",
)  # fmt: skip
FOLDER = Path("artefacts/bench/zone-entry")
NEAR_M = 100.0  # a track within this of a target is a track of it
EVERY_S = 5
ZONES = 12
MOST_TRACKS = 40  # of one run, so that a raid of a hundred is no more than ten multirotors are
REACH_MPS = 10.0  # what it may be faster than it is
BINS = 15
MIDDLE = (0.05, 0.95)
DRAWS = 2000
GOALS = {"better": 0.20, "ece": 0.05}


@dataclass(frozen=True)
class Run:
    """A scene, tracked: what the rules would have seen each second, and the truth beside it, in the site's frame."""

    t_s: np.ndarray  # int64[K] second of each row
    track_id: np.ndarray
    target: np.ndarray  # -1: none of the truth is near
    x: np.ndarray  # float64[K, 6]
    P: np.ndarray
    behaviour: np.ndarray  # float64[K, 2]
    p_class: np.ndarray
    truth_t_s: np.ndarray
    truth_id: np.ndarray
    truth_pos: np.ndarray  # float64[J, 3]


def tracked(name: str, seed: int) -> tuple[Run, Site]:
    """From the folder, or made and put there."""
    world = simulate(name, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        site_path, table = Path(folder) / "site.toml", Path(folder) / "measurements.parquet"
        site_path.write_text(world.site_toml, encoding="utf-8")
        site = read_site(site_path)
        key = hashlib.sha256(f"{lowsky.__version__} {scenario_sha256(name)}".encode()).hexdigest()[:12]
        kept = FOLDER / f"{name}-{seed}-{key}.npz"
        if kept.exists():
            with np.load(kept) as found:
                return Run(**found), site
        world.measurements.write_parquet(table)
        made = _track(table, site, world.truth)
    FOLDER.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(kept, **made.__dict__)
    return made, site


def _track(table: Path, site: Site, truth: Any) -> Run:
    rows: list[tuple[Any, ...]] = []

    def second(second_ns: int, pipeline: Pipeline) -> None:
        s = pipeline.snapshot(second_ns)
        shown = (s.status == TrackStatus.CONFIRMED) | (s.status == TrackStatus.COASTING)
        k = np.flatnonzero(shown & (s.position_kind == PositionKind.POINT))
        t_s = np.full(len(k), second_ns // SECOND_NS)
        rows.append((t_s, s.track_id[k], s.x[k], s.P[k], s.behaviour[k], s.class_probability[k]))

    source = Input(table, Feed(sensor=site.sensors[0].id, format="table", source=f"file:{table}"))
    run([source], site, lambda *_: None, second)
    t_s, track_id, x, P, behaviour, p_class = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    geodetic = [truth[c].to_numpy() for c in ("latitude_deg", "longitude_deg", "height_m")]
    pos = frame.pos_enu(np.radians(geodetic[0]), np.radians(geodetic[1]), geodetic[2])
    true_s, true_id = _seconds(truth), truth["target_id"].to_numpy()
    whole = true_s >= 0
    true_s, true_id, pos = true_s[whole], true_id[whole], pos[whole]
    target = np.full(len(t_s), -1)
    for s in np.unique(t_s):
        here, there = np.flatnonzero(t_s == s), np.flatnonzero(true_s == s)
        if len(there):
            apart = np.linalg.norm(x[here, None, :3] - pos[None, there], axis=2)
            best = apart.argmin(axis=1)
            near = apart[np.arange(len(here)), best] < NEAR_M
            target[here[near]] = true_id[there[best[near]]]
    return Run(t_s, track_id, target, x, P, behaviour, p_class, true_s, true_id, pos)


def _seconds(truth: Any) -> np.ndarray:
    """Whole seconds of the truth's rows; -1 between them."""
    t_ns = truth["time"].dt.timestamp("ns").to_numpy()
    return np.where(t_ns % SECOND_NS == 0, t_ns // SECOND_NS, -1)


def zones_of(run_: Run, site: Site, seed: int) -> list[Ground]:
    """Twelve, laid by the seed about places where objects are at some time."""
    rng = np.random.default_rng([seed, 318])
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    out = []
    for k in range(ZONES):
        middle = run_.truth_pos[rng.integers(len(run_.truth_pos)), :2] + rng.normal(0.0, 300.0, 2)
        shape = ("circle", "polygon", "corridor")[k % 3]
        if shape == "circle":
            corners, reach = middle[None], rng.uniform(100.0, 600.0)
        elif shape == "polygon":
            angle = np.sort(rng.uniform(0.0, 2.0 * np.pi, rng.integers(4, 9)))
            radius = rng.uniform(200.0, 700.0, len(angle))
            corners, reach = middle + radius[:, None] * np.column_stack((np.sin(angle), np.cos(angle))), 0.0
        else:
            along = rng.uniform(0.0, 2.0 * np.pi)
            half = rng.uniform(500.0, 1500.0) * np.array([np.sin(along), np.cos(along)])
            corners, reach = np.array([middle - half, middle + half]), 0.5 * rng.uniform(100.0, 400.0)
        ceiling = site.height_m + rng.uniform(100.0, 500.0) if k % 2 else math.inf
        geodetic = frame.geodetic(np.column_stack((corners, np.zeros(len(corners)))))
        places = tuple((float(a), float(b)) for a, b in geodetic[:, :2])
        out.append(Ground.of(Zone(id=f"z{k}", shape=shape, corners=places, reach_m=reach, ceiling_m=ceiling), site))
    return out


@dataclass(frozen=True)
class Answers:
    """Of one run."""

    told: np.ndarray  # float64[K] probability
    straight: np.ndarray  # float64[K] 0 or 1
    came: np.ndarray  # bool[K]


def asked(run_: Run, site: Site, seed: int, horizon_s: int) -> Answers:
    """Every question of one run that the truth answers."""
    rng = np.random.default_rng([seed, 269])
    ids = np.unique(run_.track_id[run_.target >= 0])
    ids = rng.permutation(ids)[:MOST_TRACKS]
    rows = np.flatnonzero((run_.target >= 0) & np.isin(run_.track_id, ids) & (run_.t_s % EVERY_S == 0))
    paths = {target: _path(run_, target) for target in np.unique(run_.target[rows]).tolist()}
    told, straight, came = [], [], []
    ways: dict[int, Ways] = {}
    for ground in zones_of(run_, site, seed):
        within = {target: np.array([ground.holds(p, 0.0) for p in path]) for target, (_, path) in paths.items()}
        for row in rows.tolist():
            x, P = run_.x[row], run_.P[row]
            begin = int(run_.t_s[row]) - paths[run_.target[row]][0]
            inside = within[run_.target[row]][begin : begin + horizon_s + 1]
            if ground.holds(x, 0.0) or inside[0]:
                continue
            if ground.away_m(x) > horizon_s * (math.hypot(x[3], x[4]) + REACH_MPS):
                continue
            if not inside.any() and len(inside) <= horizon_s:
                continue  # it left the scene: nobody knows
            if row not in ways:
                ways[row] = ways_of(x, P, run_.behaviour[row], float(horizon_s))
            told.append(ground.entry(ways[row], float(horizon_s))[0])
            flown = x[:3] + np.arange(horizon_s + 1)[:, None] * x[3:]
            straight.append(float(any(ground.holds(place, 0.0) for place in flown)))
            came.append(bool(inside.any()))
    return Answers(np.array(told), np.array(straight), np.array(came, bool))


def _path(run_: Run, target: int) -> tuple[int, np.ndarray]:
    """First second and float64[T, 3], one place a second without holes."""
    mine = np.flatnonzero(run_.truth_id == target)
    order = mine[np.argsort(run_.truth_t_s[mine])]
    t_s = run_.truth_t_s[order]
    grid = np.arange(t_s[0], t_s[-1] + 1)
    return int(t_s[0]), np.column_stack([np.interp(grid, t_s, run_.truth_pos[order, a]) for a in range(3)])


def ece(p: np.ndarray, came: np.ndarray, weight: np.ndarray) -> float:
    """Expected calibration error over bins of equal mass."""
    if not len(p):
        return math.nan
    order = np.argsort(p, kind="stable")
    p, came, weight = p[order], came[order], weight[order]
    at = np.minimum((np.cumsum(weight) / weight.sum() * BINS).astype(int), BINS - 1)
    # answers that are equal belong to one bin
    at = np.maximum.accumulate(np.where(np.append(False, p[1:] == p[:-1]), -1, at))
    sums = [np.bincount(at, w, BINS) for w in (weight, weight * p, weight * came)]
    return float(np.abs(sums[1] - sums[2]).sum() / sums[0].sum())


def figures(runs: list[Answers]) -> dict[str, float]:
    """Of runs that weigh alike."""
    told, straight, came = (np.concatenate([getattr(r, n) for r in runs]) for n in ("told", "straight", "came"))
    weight = np.concatenate([np.full(len(r.told), 1.0 / max(len(r.told), 1)) for r in runs])
    ours, theirs = (float((weight * (p - came) ** 2).sum() / weight.sum()) for p in (told, straight))
    middle = (told > MIDDLE[0]) & (told < MIDDLE[1])
    return {
        "n": len(told), "came": float((weight * came).sum() / weight.sum()), "brier": ours, "brier_straight": theirs,
        "better": 1.0 - ours / theirs if theirs else math.nan, "ece": ece(told, came, weight),
        "ece_middle": ece(told[middle], came[middle], weight[middle]), "n_middle": int(middle.sum()),
    }  # fmt: skip


def with_interval(runs: list[Answers]) -> dict[str, float]:
    """Figures and half their 95 % intervals by a bootstrap over runs."""
    runs = [r for r in runs if len(r.told)]
    out = figures(runs)
    rng = np.random.default_rng(1)
    if len(runs) > 2:
        drawn = [figures([runs[k] for k in rng.integers(len(runs), size=len(runs))]) for _ in range(200)]
        for key in ("brier", "better", "ece", "ece_middle"):
            low, high = np.nanpercentile([d[key] for d in drawn], [2.5, 97.5])
            out[f"{key}_95"] = 0.5 * float(high - low)
    return out


HEAD = """| scene | runs | asked | came true | Brier | straight flight's | better | ECE | ECE in the middle |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def line(name: str, runs: int, f: dict[str, float]) -> str:
    def half(key: str) -> str:
        return f" ± {f[f'{key}_95']:.3f}" if f"{key}_95" in f else ""

    return (
        f"| {name:17} | {runs} | {f['n']:6.0f} | {f['came']:.3f} | {f['brier']:.4f} | {f['brier_straight']:.4f} "
        f"| {f['better']:+.2f}{half('better')} | {f['ece']:.3f}{half('ece')} | {f['ece_middle']:.3f}"
        f"{half('ece_middle')} ({f['n_middle']:.0f}) |"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", default=list(SCENES), metavar="SCENE")
    arguments.add_argument("--seeds", default="0-2", help="first-last; tune on 100 and above only")
    arguments.add_argument("--horizon", type=int, default=60, help="s")
    arguments.add_argument("--json", type=Path)
    chosen = arguments.parse_args()
    seeds = seeds_of(chosen.seeds)
    print(HEAD, flush=True)
    found: dict[str, Any] = {}
    runs: list[Answers] = []
    for name in chosen.names:
        of_scene = [asked(*tracked(name, seed), seed, chosen.horizon) for seed in seeds]
        runs += of_scene
        found[name] = with_interval(of_scene)
        print(line(name, len(seeds), found[name]), flush=True)
    found["all"] = with_interval(runs)
    print(line("all", len(runs), found["all"]), flush=True)
    if chosen.json:
        told = {
            "seeds": chosen.seeds,
            "horizon_s": chosen.horizon,
            "simulated": True,
            "goals": goals(found["all"], chosen.seeds),
        }
        chosen.json.write_text(json.dumps(found | told, indent=1) + "\n", encoding="utf-8")


def goals(f: dict[str, float], seeds: str) -> list[dict[str, Any]]:
    """Rows of the table of goals."""
    n = f"{seeds} (n = {f['n']})"
    better, error = (f"{f[key]:.3f} ± {f.get(f'{key}_95', math.nan):.3f}" for key in ("better", "ece"))
    middle = f"{f['ece_middle']:.3f} ± {f.get('ece_middle_95', math.nan):.3f}"
    what = "probability of entering a zone"
    return [
        {"what": f"{what}: Brier better than straight flight", "goal": f"≥ {GOALS['better']:g}", "found": better,
         "holds": f["better"] >= GOALS["better"], "n": n},
        {"what": f"{what}: ECE", "goal": f"≤ {GOALS['ece']:g}", "found": error, "holds": f["ece"] <= GOALS["ece"],
         "n": n},
        {"what": f"{what}: ECE on 0.05–0.95", "goal": "no goal", "found": middle, "holds": None, "n": n},
    ]  # fmt: skip


if __name__ == "__main__":
    main()
