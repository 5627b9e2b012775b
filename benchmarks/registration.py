"""How well is a radar registered by half an hour of ADS-B? Against the truth, its own uncertainty and the bound.

`python -m benchmarks.registration [--seeds 0-9] [--json OUT]`: a radar of 15 km, off in range, azimuth, elevation and
time with signs drawn anew for each seed, and forty aircraft that pass it in half an hour, each seen for some minutes.
Tracked from the site file alone in the default configuration. The bound takes all reports' errors for white, as they
are here, and the tracker does not: it allows for errors that last. Everything is simulated.
"""

import argparse
import json
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from lowsky.align.funnel import Funnel
from lowsky.engine.config import read_site
from lowsky.engine.offline import Input, ticks_of
from lowsky.model.site import Feed
from lowsky.simulate import load_scenario, simulate
from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

SCENARIO = """
name = "adsb-registration"
description = "Forty aircraft pass a radar that is off"
duration_s = 1800.0

[site]
name = "Airfield"
latitude_deg = 47.0
longitude_deg = 8.5
height_m = 430.0

[[target]]
name = "aircraft"
class = "aeroplane"
count = 40
appear_s = [0.0, 1600.0]
stay_s = 400.0
identity_prefix = "SIMULATED-"
motion = { kind = "white-acceleration", q_m2ps3 = 0.1, ground_mirror_m = 10.0 }

[target.start]
kind = "inbound"
range_m = [8000.0, 14000.0]
up_m = [300.0, 3000.0]
speed_mps = [50.0, 120.0]
aim_box_m = 6000.0

[[sensor]]
id = "radar-1"
kind = "radar"
position_m = [0.0, 0.0, 5.0]
look_period_s = 1.0
detection_probability = 0.9
clutter_per_look = 20.0
min_range_m = 100.0
max_range_m = 15000.0
elevation_deg = [0.0, 90.0]
sigma_range_m = 10.0
sigma_azimuth_deg = 0.5
sigma_elevation_deg = 1.0
sigma_range_rate_mps = 0.5
latency_s = 0.05
registration = { range_m = 60.0, azimuth_deg = 1.5, elevation_deg = 0.5, time_s = 0.25, signs_drawn = true }

[[sensor]]
id = "adsb-1"
kind = "cooperative"
position_m = [0.0, 0.0, 5.0]
look_period_s = 1.0
look_phase_s = 0.5
detection_probability = 0.9
max_range_m = 60000.0
sigma_position_m = 10.0
sigma_height_m = 15.0
sigma_velocity_mps = 0.5
latency_s = [0.1, 0.4]
"""
WHITE = TrackerSettings(report_error_lasts=0.0, report_clock_sigma_s=0.0, registration_lasts_s=1e9)
NAMES = ("range_m", "azimuth_deg", "elevation_deg", "time_s")
UNITS = np.array([1.0, 180.0 / np.pi, 180.0 / np.pi, 1.0])
GOAL = np.array([5.0, 0.1, 0.1, 0.05])


def measure(seed: int) -> dict[str, list[float]]:
    """Error, stated σ and bound of each component, in the units of ``NAMES``."""
    with tempfile.TemporaryDirectory() as folder:
        path, table, site_path = (Path(folder) / name for name in ("scenario.toml", "rows.parquet", "site.toml"))
        path.write_text(SCENARIO, encoding="utf-8")
        world = simulate(load_scenario(path), seed=seed)
        world.measurements.write_parquet(table)
        site_path.write_text(world.site_toml, encoding="utf-8")
        site = read_site(site_path)
        source = Input(table, Feed(sensor="radar-1", format="table", source=f"file:{table}"))
        trackers = Tracker(site), Tracker(site, WHITE)
        for tick in ticks_of([source], site, Funnel(site)):
            for tracker in trackers:
                tracker.step(tick)
    told, white = (tracker.registration("radar-1") for tracker in trackers)
    said = world.scenario.sensor[0].registration
    truth = np.array([getattr(said, name) for name in NAMES])
    estimate = told.beta[:4] * UNITS
    # signs are drawn inside the simulation; errors of this size leave no doubt which they were
    error = estimate - np.sign(estimate) * truth
    return {
        "error": error.tolist(),
        "sigma": (np.sqrt(np.diag(told.P))[:4] * UNITS).tolist(),
        "bound": (np.sqrt(np.diag(white.P))[:4] * UNITS).tolist(),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", default="0-9", help="first-last; tune on 100 and above only")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--json", type=Path)
    chosen = arguments.parse_args()
    first, _, last = chosen.seeds.partition("-")
    seeds = list(range(int(first), int(last or first) + 1))
    with ProcessPoolExecutor(chosen.processes) as pool:
        runs = list(pool.map(measure, seeds))
    rms = np.sqrt(np.mean([np.square(run["error"]) for run in runs], axis=0))
    worst = np.abs([run["error"] for run in runs]).max(axis=0)
    sigma, bound = (np.mean([run[key] for run in runs], axis=0) for key in ("sigma", "bound"))
    print(f"{len(seeds)} seeds        rms     worst   stated σ     bound  rms÷bound  goal")
    rows = {}
    for k, name in enumerate(NAMES):
        rows[name] = {"rms": rms[k], "worst": worst[k], "sigma": sigma[k], "bound": bound[k], "goal": GOAL[k]}
        figures = f"{rms[k]:9.4f} {worst[k]:9.4f} {sigma[k]:10.4f} {bound[k]:9.4f} {rms[k] / bound[k]:10.2f}"
        print(f"{name:14}{figures} {GOAL[k]:5g}")
    if chosen.json:
        chosen.json.write_text(json.dumps({"seeds": chosen.seeds, "simulated": True} | rows, indent=1, default=float))


if __name__ == "__main__":
    main()
