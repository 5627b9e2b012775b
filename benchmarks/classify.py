"""What is it? Drone or bird, balloon by drift, and whether class probabilities come true.

`python -m benchmarks.classify [CASE …] [--seeds 0-9] [--json OUT]`. Scenes made for this: objects of the simulator's
sets (docs/scenarios.md, "like") appear one after the other in the reach of one rotating radar, are tracked and
classified by the whole pipeline from the site file alone, and are asked for some seconds after their track was
confirmed. Everything is simulated, and the simulator's sets and the classifier's table of profiles come from the same
document: figures on recorded objects would be worse.

A track is an object's where they are within 60 m, and no other object is within 120 m of it. Intervals are of Wilson,
95 %.
"""

import argparse
import json
import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.tracking import seeds_of
from lowsky.classify.verdict import verdict
from lowsky.constants import SECOND_NS
from lowsky.engine.config import parse_site
from lowsky.engine.offline import Input, run
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import DRONES, ObjectClass
from lowsky.model.evidence import kinds_for
from lowsky.model.site import Feed
from lowsky.model.track import TrackStatus
from lowsky.simulate import Simulation, parse_scenario, simulate

OWN_M, OTHER_M = 60.0, 120.0
DRONE = {ObjectClass.DRONE, *DRONES}
BIRD = {ObjectClass.BIRD, ObjectClass.FLOCK}
SETS = {
    "drone": ("mini-multirotor", "small-multirotor", "large-multirotor", "racer", "small-fixed-wing"),
    "bird": ("small-bird", "gull", "raptor", "songbird-on-migration", "goose-on-migration"),
    "balloon": ("party-balloon", "weather-balloon", "cargo-balloon"),
    "other": ("light-aeroplane", "helicopter", "paraglider"),
}
SPEEDS = {
    "small-fixed-wing": (14.0, 25.0), "racer": (20.0, 35.0), "light-aeroplane": (40.0, 65.0),
    "helicopter": (25.0, 60.0),
}  # fmt: skip
SQUARE = "points_m = [[{0}, {0}, 120.0], [-{0}, {0}, 150.0], [-{0}, -{0}, 120.0], [{0}, -{0}, 150.0]]"
MOTIONS = {
    "racer": SQUARE.format(800.0) + ", spread_m = 300.0",
    "small-fixed-wing": SQUARE.format(900.0) + ', spread_m = 400.0, end = "repeat"',
    "light-aeroplane": "points_m = [[9000.0, 3000.0, 500.0]], spread_m = 3000.0",
    "helicopter": "points_m = [[3000.0, 9000.0, 300.0]], spread_m = 3000.0",
    "songbird-on-migration": "course_deg = [0.0, 360.0]",
    "goose-on-migration": "course_deg = [0.0, 360.0]",
}


@dataclass(frozen=True)
class Case:
    """What flies, what the sensors tell, and when it is asked."""

    counts: dict[str, int]  # of each of SETS, spread over its sets
    says: bool = False  # the radar's own class, and a direction finder
    wind_known: bool = False
    asked_s: float = 20.0
    stay_s: float = 45.0
    wind_mps: tuple[float, float] = (0.0, 8.0)
    duration_s: float = 300.0


CASES = {
    "motion-and-echo": Case({"drone": 50, "bird": 50}),
    "wind-known": Case({"drone": 50, "bird": 50}, wind_known=True),
    "with-words": Case({"drone": 50, "bird": 50}, says=True),
    "balloons": Case(
        {"balloon": 24, "bird": 36, "drone": 18, "other": 6}, wind_known=True, asked_s=90.0, stay_s=110.0,
        wind_mps=(3.0, 15.0), duration_s=400.0,
    ),
    "everything": Case({"drone": 30, "bird": 40, "balloon": 15, "other": 12}),
    "few-drones": Case({"drone": 10, "bird": 90}),
    "few-birds": Case({"drone": 90, "bird": 10}),
}  # fmt: skip


@dataclass
class Asked:
    """What was said of objects: one row each in the first lists, one for each object and five seconds in the others."""

    truth: list[str] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)  # the set it is of
    named: list[int] = field(default_factory=list)
    kinds: list[float] = field(default_factory=list)
    p_drone: list[float] = field(default_factory=list)
    p_class: list[np.ndarray] = field(default_factory=list)
    p_truth: list[str] = field(default_factory=list)
    late: list[bool] = field(default_factory=list)  # in the second half of a scene: priors have been learnt
    never: int = 0  # objects whose track was not held so long


def scene(case: Case, seed: int) -> tuple[str, tuple[float, float]]:
    """The scenario's text, and its wind."""
    rng = np.random.default_rng([seed, 40])
    speed, course = rng.uniform(*case.wind_mps), rng.uniform(0.0, 2.0 * math.pi)
    wind = speed * math.sin(course), speed * math.cos(course)
    parts = [
        f'name = "classes"\ndescription = "classes"\nduration_s = {case.duration_s}\n',
        f"[wind]\neast_mps = {wind[0]:.3f}\nnorth_mps = {wind[1]:.3f}\n",
        '[site]\nname = "Classes"\nlatitude_deg = 50.0\nlongitude_deg = 8.0\nheight_m = 100.0\n[terrain]\n',
    ]
    last_s = case.duration_s - case.stay_s - 5.0
    for group, count in case.counts.items():
        for k, like in enumerate(SETS[group]):
            n = count // len(SETS[group]) + (k < count % len(SETS[group]))
            low, high = SPEEDS.get(like, (10.0, 10.0))
            up = (250.0, 600.0) if like in ("light-aeroplane", "paraglider") else (50.0, 250.0)
            motion = f"motion = {{ {MOTIONS[like]} }}\n" if like in MOTIONS else ""
            parts.append(
                f'[[target]]\nname = "{like}"\nlike = "{like}"\ncount = {n}\nappear_s = [0.0, {last_s}]\n'
                f'stay_s = {case.stay_s}\nstart = {{ kind = "box", east_m = [-1300.0, 1300.0], '
                f"north_m = [-1300.0, 1300.0], up_m = [{up[0]}, {up[1]}], speed_mps = [{low}, {high}], "
                f"course_deg = [0.0, 360.0] }}\n{motion}"
            )
    says = "" if case.says else "says = {}\n"
    parts.append(f'[[sensor]]\nid = "radar-1"\nlike = "rotating-radar"\nposition_m = [0.0, 0.0, 15.0]\n{says}')
    if case.says:
        parts.append('[[sensor]]\nid = "finder-1"\nlike = "direction-finder"\nposition_m = [0.0, 0.0, 15.0]\n')
    return "\n".join(parts), wind


def ask(case: Case, seed: int) -> Asked:
    """Run one scene through the pipeline."""
    text, wind = scene(case, seed)
    world = simulate(parse_scenario(text, "classes.toml"), seed=seed)
    site_text = world.site_toml
    if case.wind_known:
        came_from = math.degrees(math.atan2(-wind[0], -wind[1])) % 360.0
        site_text += f"\n[wind]\nfrom_deg = {came_from:.1f}\nspeed_mps = {math.hypot(*wind):.2f}\n"
    site = parse_site(site_text, "site.toml")
    frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    truth = Truth.of(world, frame)
    asked, confirmed, done = Asked(), {}, set()

    def second(second_ns: int, pipeline) -> None:
        tracks = pipeline.snapshot(second_ns)
        shown = np.flatnonzero((tracks.status == TrackStatus.CONFIRMED) | (tracks.status == TrackStatus.COASTING))
        if not len(shown):
            return
        named, _ = verdict(tracks.class_probability)
        kinds = kinds_for(tracks.drone_evidence)
        is_late = second_ns - truth.t0_ns > case.duration_s * SECOND_NS / 2
        for row in shown.tolist():
            who = truth.whose(second_ns, tracks.x[row, :3])
            if who is None:
                continue
            key = int(tracks.track_id[row]), who
            since_s = (second_ns - confirmed.setdefault(key, second_ns)) * 1e-9
            p = tracks.class_probability[row]
            if since_s > 0.0 and round(since_s) % 5 == 0 and since_s <= 40.0:
                asked.p_class.append(p)
                asked.p_truth.append(truth.label[who])
                asked.late.append(is_late)
            if since_s >= case.asked_s and who not in done:
                done.add(who)
                asked.truth.append(truth.label[who])
                asked.kind.append(truth.kind[who])
                asked.named.append(int(named[row]))
                asked.kinds.append(float(kinds[row]))
                asked.p_drone.append(float(p[list(DRONES)].sum()))

    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "measurements.parquet"
        world.measurements.write_parquet(table)
        source = Input(table, Feed(sensor=site.sensors[0].id, format="table", source=f"file:{table}"))
        run([source], site, lambda *_: None, second)
    asked.never = len({who for _, who in confirmed} - done)
    return asked


@dataclass
class Truth:
    """Where each object is at each whole second, in the site's frame."""

    t0_ns: int
    at: dict[int, tuple[np.ndarray, np.ndarray]]  # second -> ids, places
    label: dict[int, str]
    kind: dict[int, str]

    @classmethod
    def of(cls, world: Simulation, frame: EnuFrame) -> "Truth":
        table = world.truth.with_columns(pl.col("time").dt.timestamp("ns").alias("t_ns"))
        table = table.filter(pl.col("t_ns") % SECOND_NS == 0)
        at = {}
        for (t_ns,), part in table.group_by("t_ns", maintain_order=True):
            geo = part.select("latitude_deg", "longitude_deg", "height_m").to_numpy()
            place = frame.pos_enu(np.radians(geo[:, 0]), np.radians(geo[:, 1]), geo[:, 2])
            at[int(t_ns)] = part["target_id"].to_numpy(), place
        first = table.unique("target_id", keep="first", maintain_order=True)
        groups = np.repeat([t.name for t in world.scenario.target], [t.count for t in world.scenario.target])
        ids = first["target_id"].to_list()
        return cls(
            int(table["t_ns"].min()), at, dict(zip(ids, first["class"].to_list(), strict=True)),
            {k: str(groups[k]) for k in ids},
        )  # fmt: skip

    def whose(self, t_ns: int, place: np.ndarray) -> int | None:
        """The object a track is of, or None where that is not clear."""
        if t_ns not in self.at:
            return None
        ids, places = self.at[t_ns]
        away = np.linalg.norm(places - place, axis=1)
        order = np.argsort(away)
        if away[order[0]] > OWN_M or (len(order) > 1 and away[order[1]] < OTHER_M):
            return None
        return int(ids[order[0]])


def wilson(k: int, n: int) -> tuple[float, float]:
    """95 % interval of a share."""
    if n == 0:
        return 0.0, 1.0
    z, p = 1.959964, k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def told(asked: Asked, wanted: set[int], truly: set[str], others: set[str]) -> dict[str, object]:
    """Objects of ``truly`` that were named so, and of ``others`` that were named so wrongly."""
    named, truth = np.array([n in wanted for n in asked.named]), np.array(asked.truth)
    abstains = np.array([n == ObjectClass.UNKNOWN for n in asked.named])
    own, other = np.isin(truth, list(truly)), np.isin(truth, list(others))
    decided = own & ~abstains
    out: dict[str, object] = {"n": int(own.sum()), "n_others": int(other.sum()), "lost_before": asked.never}
    for key, k, n in (
        ("true", int((named & own).sum()), int(own.sum())),
        ("true_of_decided", int((named & decided).sum()), int(decided.sum())),
        ("false", int((named & other).sum()), int(other.sum())),
        ("abstain", int(abstains[own | other].sum()), int((own | other).sum())),
    ):
        out[key], out[f"{key}_95"] = k / max(n, 1), wilson(k, n)
    return out


def ece(asked: Asked, late: bool | None = None) -> dict[str, float]:
    """Expected calibration error of the most probable class, of "a drone", and the mean of all classes'."""
    keep = np.array([late is None or x == late for x in asked.late], bool)
    p = np.array(asked.p_class)[keep]
    truth = np.array(asked.p_truth)[keep]
    labels = np.array([c.label for c in ObjectClass])
    best = p.argmax(axis=1)
    drone, is_drone = p[:, list(DRONES)].sum(axis=1), np.isin(truth, [c.label for c in DRONE])
    each = [error(p[:, c], truth == labels[c]) for c in range(len(labels)) if p[:, c].max() > 0.01]
    return {
        "ece_top": error(p.max(axis=1), truth == labels[best]), "ece_drone": error(drone, is_drone),
        "ece_classes": float(np.mean(each)), "n_said": len(p), "mean_unknown": float(p[:, 0].mean()),
    }  # fmt: skip


def error(p: np.ndarray, is_so: np.ndarray, bins: int = 15) -> float:
    """Σ over bins of equal width, of the share of rows in it, |mean probability − frequency|."""
    cell = np.minimum((p * bins).astype(int), bins - 1)
    n = np.bincount(cell, minlength=bins)
    gap = np.bincount(cell, p - is_so, minlength=bins)
    return float(np.abs(gap).sum() / max(n.sum(), 1))


def together(parts: list[Asked]) -> Asked:
    out = Asked()
    for part in parts:
        for name in ("truth", "kind", "named", "kinds", "p_drone", "p_class", "p_truth", "late"):
            getattr(out, name).extend(getattr(part, name))
        out.never += part.never
    return out


def figures(name: str, asked: Asked) -> dict[str, object]:
    drones, birds = {c.label for c in DRONE}, {c.label for c in BIRD}
    if name == "balloons":
        out = told(asked, {ObjectClass.BALLOON}, {"balloon"}, set(asked.truth) - {"balloon"})
    else:
        out = told(asked, DRONE, drones, birds)
    out["by_set"] = by_set(asked)
    kinds = np.array(asked.kinds)[np.isin(asked.truth, list(drones))]
    if len(kinds):
        out["drones_with_two_kinds"] = float((kinds >= 2).mean())
    return out | ece(asked) | {f"late_{k}": v for k, v in ece(asked, late=True).items()} | {"simulated": True}


def by_set(asked: Asked) -> dict[str, dict[str, int]]:
    out: dict[str, dict[str, int]] = {}
    for kind, named in zip(asked.kind, asked.named, strict=True):
        counts = out.setdefault(kind, {})
        label = ObjectClass(named).label
        counts[label] = counts.get(label, 0) + 1
    return out


def line(name: str, found: dict) -> str:
    def share(key: str) -> str:
        low, high = found[f"{key}_95"]
        return f"{100 * found[key]:.1f} % ({100 * low:.1f}–{100 * high:.1f})"

    return (
        f"{name:16} n {found['n']}+{found['n_others']}  true {share('true')}  of decided {share('true_of_decided')}  "
        f"false {share('false')}  abstains {share('abstain')}  ECE {found['ece_top']:.3f} drone "
        f"{found['ece_drone']:.3f} classes {found['ece_classes']:.3f}  "
        f"priors learnt: {found['late_ece_top']:.3f} {found['late_ece_drone']:.3f}"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", default=list(CASES), metavar="CASE")
    arguments.add_argument("--seeds", default="0-9", help="first-last; tune on 100 and above only")
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--sets", action="store_true", help="also what each set of objects was named")
    chosen = arguments.parse_args()
    found = {}
    for name in chosen.names:
        found[name] = figures(name, together([ask(CASES[name], seed) for seed in seeds_of(chosen.seeds)]))
        print(line(name, found[name]), flush=True)
        if chosen.sets:
            for kind, counts in found[name]["by_set"].items():
                print(f"    {kind:24} {counts}")
    if chosen.json:
        chosen.json.write_text(json.dumps(found | {"seeds": chosen.seeds}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
