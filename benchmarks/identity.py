"""Are claims that are false found, and are true ones left alone?

`python -m benchmarks.identity [CASE …] [--seeds 0-9] [--whole] [--json OUT]`. A site with one rotating radar and a
Remote ID receiver, made for this from the simulator's sets (docs/scenarios.md): honest drones all around, birds, drones
that say nothing, and drones that lie. The tracker has the site file and the measurements in order of their times; with
`--whole` everything goes through the pipeline in the order in which it would be received. All is simulated.

*Found after*: from the arrival of the first false report to that of what made the event ``ClaimContradicted``, s, and
how many false reports had been heard by then; *once heard* the same from the first false report that another follows
within 3 s (at the edge of reception one comes, and long no other). p90 is of all that lied, and those never found count
as infinity. A report is false where the place it states for its time is 100 m or more from the truth. *False flags*:
contradicted names whose every report was true, per flight hour that was reported. Upper bounds are 95 %, of a Poisson
number (3 where none was seen: the rule of three).
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
from lowsky.align.funnel import Funnel
from lowsky.constants import SECOND_NS
from lowsky.engine.config import parse_site
from lowsky.engine.offline import Input, run, ticks_of
from lowsky.geo.enu import EnuFrame
from lowsky.model.events import ClaimConsistent, ClaimContradicted, SensorDegraded
from lowsky.model.site import Feed
from lowsky.simulate import parse_scenario, simulate
from lowsky.track.tracker import Tracker

FALSE_M = 100.0
SETS = ("mini-multirotor", "small-multirotor", "large-multirotor")
BOX = 'start = { kind = "box", east_m = [-1200.0, 1200.0], north_m = [-1200.0, 1200.0], up_m = [50.0, 200.0] }\n'
INBOUND = (
    'start = {{ kind = "inbound", range_m = {0}, azimuth_deg = [0.0, 360.0], up_m = [60.0, 150.0], speed_mps = '
    "[8.0, 15.0], aim_box_m = 500.0 }}\n"
    'motion = {{ kind = "waypoints", acceleration_mps2 = 4.0, climb_mps = 3.0, end = "circle" }}\n'
)


@dataclass(frozen=True)
class Case:
    """Who lies and how, beside honest ones."""

    lies: str = ""  # of [[target]], as TOML
    start: str = INBOUND.format("[2600.0, 3200.0]")
    liars: int = 6
    honest: int = 12
    duration_s: float = 300.0
    appear_s: tuple[float, float] = (0.0, 60.0)
    more: str = ""  # more lines of each liar
    radar: str = ""  # more lines of the radar
    silent: int = 3
    birds: int = 15
    goal: bool = False  # its figure is held against the goal


LIES = "lies = {{ {0} }}\n"
CASES = {
    "offset": Case(LIES.format("offset_m = [100.0, 400.0]"), appear_s=(60.0, 120.0), goal=True),
    "offset-110": Case(LIES.format("offset_m = 110.0"), appear_s=(60.0, 120.0)),
    "first-minute": Case(LIES.format("offset_m = [100.0, 400.0]")),  # the radar is not registered yet
    "begins": Case(LIES.format("offset_m = [100.0, 400.0], from_s = [220.0, 250.0]")),
    "in-view": Case(LIES.format("offset_m = [100.0, 400.0]"), start=BOX, appear_s=(100.0, 250.0)),
    "drifts": Case(LIES.format("drift_mps = [2.0, 8.0], from_s = 200.0")),
    "height": Case(LIES.format("height_m = [250.0, 400.0]")),
    "replay": Case(LIES.format("replay_s = 40.0, from_s = [225.0, 250.0]")),
    "ghost": Case("phantom = true\n", start=BOX + 'motion = { kind = "multirotor", cruise_mps = [8.0, 15.0] }\n',
                  appear_s=(100.0, 200.0)),
    "two": Case(LIES.format('identity = "COPY"'), start=BOX, liars=2, appear_s=(120.0, 150.0)),
    "alone": Case(LIES.format("offset_m = [100.0, 400.0]"), honest=0, birds=5, liars=1),
    "honest": Case(liars=0, honest=30, duration_s=600.0, appear_s=(0.0, 120.0)),
    "crowd": Case(liars=0, honest=90, duration_s=1200.0, appear_s=(0.0, 120.0)),
    "off-radar": Case(
        liars=0, honest=12, radar="registration = { range_m = 200.0, azimuth_deg = 3.0, signs_drawn = true }\n"
    ),
    "late-radar": Case(liars=0, honest=12, radar="registration = { time_s = 2.0, signs_drawn = true }\n"),
}  # fmt: skip


def scene(case: Case) -> str:
    """The scenario's text."""
    parts = [
        f'name = "claims"\ndescription = "claims"\nduration_s = {case.duration_s}\n[site]\nname = "Claims"\n'
        "latitude_deg = 50.0\nlongitude_deg = 8.0\nheight_m = 100.0\n[terrain]\n"
    ]
    for k, like in enumerate(SETS):
        n = case.honest // len(SETS) + (k < case.honest % len(SETS))
        if n:
            parts.append(
                f'[[target]]\nname = "{like}"\nlike = "{like}"\ncount = {n}\nidentity_prefix = "H{k}-"\n'
                f"appear_s = {list(case.appear_s) if not case.liars else [0.0, 30.0]}\n{BOX}"
            )
    if case.silent:
        parts.append(f'[[target]]\nname = "silent"\nlike = "small-multirotor"\ncount = {case.silent}\n{BOX}')
    if case.birds:
        parts.append(f'[[target]]\nname = "birds"\nlike = "gull"\ncount = {case.birds}\n{BOX}')
    if case.liars:
        parts.append(
            f'[[target]]\nname = "liars"\nlike = "small-multirotor"\ncount = {case.liars}\nidentity_prefix = "L"\n'
            f"appear_s = {list(case.appear_s)}\n{case.start}{case.more}{case.lies}"
        )
    parts.append(f'[[sensor]]\nid = "radar-1"\nlike = "rotating-radar"\nposition_m = [0.0, 0.0, 15.0]\n{case.radar}')
    parts.append('[[sensor]]\nid = "remote-id-1"\nlike = "remote-id"\nposition_m = [0.0, 0.0, 15.0]\n')
    return "\n".join(parts)


@dataclass
class Found:
    """What was said of names, over all seeds."""

    after_s: list[float] = field(default_factory=list)  # of each that lied
    off_m: list[float] = field(default_factory=list)
    reports: list[int] = field(default_factory=list)  # false ones heard until it was found
    heard_s: list[float] = field(default_factory=list)  # as after_s, but from the first of two within 3 s
    false_flags: list[str] = field(default_factory=list)
    hours: float = 0.0  # reported by honest names
    consistent: int = 0
    honest: int = 0
    reasons: list[str] = field(default_factory=list)
    sensor_told: list[str] = field(default_factory=list)


def errors_of(world, frame: EnuFrame) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each name: when its reports arrived, stated times (ns), and how far each is from the truth at that time, m."""
    made = world.measurements.with_columns(
        pl.Series("made_by", world.made_by), pl.col("received").dt.timestamp("ns").alias("r_ns"),
        pl.col("time").dt.timestamp("ns").alias("t_ns"),
    ).filter(pl.col("identity").is_not_null())  # fmt: skip
    truth = world.truth.with_columns(pl.col("time").dt.timestamp("ns").alias("t_ns"))
    paths = {}
    for (who,), part in truth.group_by("target_id"):
        geo = part.select("latitude_deg", "longitude_deg", "height_m").to_numpy()
        paths[who] = part["t_ns"].to_numpy(), frame.pos_enu(np.radians(geo[:, 0]), np.radians(geo[:, 1]), geo[:, 2])
    out = {}
    for (name,), part in made.group_by("identity", maintain_order=True):
        geo = part.select("latitude_deg", "longitude_deg", "height_m").to_numpy()
        said, t_ns = frame.pos_enu(np.radians(geo[:, 0]), np.radians(geo[:, 1]), geo[:, 2]), part["t_ns"].to_numpy()
        far = np.full(len(part), np.inf)
        for who in np.unique(part["made_by"].to_numpy()).tolist():
            if who in paths:
                mine, (path_ns, path) = part["made_by"].to_numpy() == who, paths[who]
                there = np.column_stack([np.interp(t_ns[mine], path_ns, path[:, a]) for a in range(3)])
                far[mine] = np.linalg.norm(said[mine] - there, axis=1)
        out[name] = part["r_ns"].to_numpy(), t_ns, far
    return out


def judge(case: Case, seed: int, found: Found, whole: bool) -> None:
    """Run one scene and add what was said."""
    world = simulate(parse_scenario(scene(case), "claims.toml"), seed=seed)
    site = parse_site(world.site_toml, "site.toml")
    said = errors_of(world, EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m))
    flagged: dict[str, list[int]] = {}
    consistent, arrived_ns = set(), [0]

    def step(tick, events, pipeline) -> None:
        newest = tick.batch.t_recv_ns.max(initial=0) if tick.batch is not None else tick.t_ns
        arrived_ns[0] = max(arrived_ns[0], int(newest))
        for event in events:
            if isinstance(event, ClaimContradicted):
                flagged.setdefault(event.identity, []).append(arrived_ns[0])
                found.reasons.append(f"{seed} {event.identity}: {event.cause}")
            elif isinstance(event, ClaimConsistent):
                consistent.add(event.identity)
            elif isinstance(event, SensorDegraded):
                found.sensor_told.append(f"{seed} {event.sensor}: {event.cause}")

    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "measurements.parquet"
        world.measurements.write_parquet(table)
        source = Input(table, Feed(sensor="radar-1", format="table", source=f"file:{table}"))
        if not whole:
            tracker = Tracker(site)
            for tick in ticks_of([source], site, Funnel(site)):
                step(tick, tracker.step(tick), None)
            found.sensor_told += [f"{seed} {sensor}: {why}" for sensor, why in tracker.doubts().items()]
        else:
            run([source], site, step)
    for identity, (r_ns, t_ns, far) in said.items():
        lies = identity == "COPY" or (far >= FALSE_M).any()
        if lies:
            if not np.isfinite(far).all() or case.liars:
                false = far >= FALSE_M if identity != "COPY" else np.arange(len(far)) >= first_of_second(r_ns)
                if false.sum() < 10 or (identity[0] == "H"):
                    continue  # a clock that is off, or gone before anybody could tell
                at_ns = int(r_ns[false][0])
                later = [t for t in flagged.get(identity, []) if t >= at_ns]
                found.after_s.append((later[0] - at_ns) / SECOND_NS if later else math.inf)
                heard = np.searchsorted(r_ns[false], later[0], side="right") if later else false.sum()
                found.reports.append(int(heard))
                steady_ns = heard_from(r_ns[false])
                found.heard_s.append(max(later[0] - steady_ns, 0) / SECOND_NS if later else math.inf)
                found.off_m.append(float(np.median(far[false])))
            continue
        found.hours += float(t_ns[-1] - t_ns[0]) / SECOND_NS / 3600.0
        found.honest += 1
        found.consistent += identity in consistent
        found.false_flags += [f"{seed} {identity}"] * (identity in flagged)


def heard_from(r_ns: np.ndarray) -> int:
    """The first report that is not the only one for seconds: at the edge of reception one comes, and long no other."""
    close = np.flatnonzero(np.diff(r_ns) <= 3 * SECOND_NS)
    return int(r_ns[close[0] if len(close) else 0])


def first_of_second(r_ns: np.ndarray) -> int:
    """The first report of the second object of one name: where two come within half a second."""
    close = np.flatnonzero(np.diff(r_ns) < SECOND_NS // 2)
    return int(close[0]) + 1 if len(close) else len(r_ns)


def at_most(k: int) -> float:
    """Upper 95 % bound of a Poisson mean of which k were seen (3.0 for none)."""
    low, high = 0.0, 20.0 + 3.0 * k
    for _ in range(60):
        mean = 0.5 * (low + high)
        below = sum(math.exp(-mean + i * math.log(mean) - math.lgamma(i + 1)) for i in range(k + 1))
        low, high = (mean, high) if below > 0.05 else (low, mean)
    return high


def at_rank(sorted_s: np.ndarray, q: float) -> float:
    """The value that a share q of them does not exceed."""
    return float(sorted_s[max(math.ceil(q * len(sorted_s)), 1) - 1])


def figures(case: Case, found: Found) -> dict[str, object]:
    after = np.sort(np.array(found.after_s))
    out: dict[str, object] = {
        "liars": len(after), "honest": found.honest, "hours": found.hours, "false_flags": len(found.false_flags),
        "false_per_1000_h": 1000.0 * len(found.false_flags) / max(found.hours, 1e-9),
        "false_per_1000_h_95": 1000.0 * at_most(len(found.false_flags)) / max(found.hours, 1e-9),
        "consistent": found.consistent, "simulated": True, "goal": case.goal,
    }  # fmt: skip
    if len(after):
        heard = np.sort(np.array(found.heard_s))
        out |= {
            "p50_s": at_rank(after, 0.5), "p90_s": at_rank(after, 0.9), "never": int(np.isinf(after).sum()),
            "within_5_s": float((after <= 5.0).mean()), "reports_p50": float(np.median(found.reports)),
            "heard_p50_s": at_rank(heard, 0.5), "heard_p90_s": at_rank(heard, 0.9),
            "heard_within_5_s": float((heard <= 5.0).mean()),
        }  # fmt: skip
    return out


def line(name: str, f: dict) -> str:
    text = f"{name:11}"
    if f["liars"]:
        text += (
            f" liars {f['liars']:3}: p50 {f['p50_s']:.1f} s p90 {f['p90_s']:.1f} s, within 5 s "
            f"{100 * f['within_5_s']:.0f} %, never {f['never']}, "
            f"{f['reports_p50']:.0f} reports; once heard {f['heard_p50_s']:.1f} {f['heard_p90_s']:.1f} s "
            f"{100 * f['heard_within_5_s']:.0f} %"
        )
    return text + (
        f"  honest {f['honest']}, {f['hours']:.1f} h: false flags {f['false_flags']} = "
        f"{f['false_per_1000_h']:.2f} (< {f['false_per_1000_h_95']:.2f}) per 1,000 h, consistent {f['consistent']}"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", default=list(CASES), metavar="CASE")
    arguments.add_argument("--seeds", default="0-9", help="first-last; tune on 100 and above only")
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--whole", action="store_true", help="through the whole pipeline")
    arguments.add_argument("--each", action="store_true", help="figures after each seed, of all so far")
    arguments.add_argument("--reasons", action="store_true", help="also why each was contradicted")
    chosen = arguments.parse_args()
    told = {}
    for name in chosen.names:
        found = Found()
        for seed in seeds_of(chosen.seeds):
            judge(CASES[name], seed, found, chosen.whole)
            if chosen.each:
                print(f"{seed}: {line(name, figures(CASES[name], found))}", flush=True)
        told[name] = figures(CASES[name], found)
        print(line(name, told[name]), flush=True)
        if chosen.reasons:
            print(
                "\n".join(
                    f"    {x}" for x in found.reasons + found.sensor_told + ["false: " + x for x in found.false_flags]
                )
            )
            print("    after", [f"{a:.1f}s@{m:.0f}m,{n}" for a, m, n in zip(found.after_s, found.off_m, found.reports)])
    if chosen.json:
        chosen.json.write_text(json.dumps(told | {"seeds": chosen.seeds}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
