"""From a scenario and a seed to measurements, truth and the site file. The same seed gives the same bytes."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from lowsky.errors import ConfigError, Fault
from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import Ints
from lowsky.simulate.echo import snr90_db
from lowsky.simulate.pairs import World
from lowsky.simulate.read import load_scenario
from lowsky.simulate.rows import Rows
from lowsky.simulate.scenario import Scenario, Sensor
from lowsky.simulate.sensors import MADE_BY, observe
from lowsky.simulate.sound import SIGMA_OVER_THRESHOLD_DB
from lowsky.simulate.terrain import Ground
from lowsky.simulate.truth import make_truth, truth_table

TIME = pl.Datetime("ns", "UTC")
FLOAT_COLUMNS = (
    "range_m", "azimuth_deg", "elevation_deg", "range_rate_mps", "latitude_deg", "longitude_deg", "height_m",
    "east_mps", "north_mps", "up_mps", "snr_db", "rcs_dbsm", "sigma_range_m", "sigma_azimuth_deg",
    "sigma_elevation_deg", "sigma_range_rate_mps", "sigma_latitude_deg", "sigma_longitude_deg", "sigma_height_m",
    "sigma_east_mps", "sigma_north_mps", "sigma_up_mps", "track_number",
)  # fmt: skip
TEXT_COLUMNS = ("identity", "class")
SITE_KEYS = (
    "look_period_s", "detection_probability", "clutter_per_look", "min_range_m", "max_range_m", "azimuth_deg",
    "elevation_deg", "sigma_range_m", "sigma_azimuth_deg", "sigma_elevation_deg", "sigma_range_rate_mps",
    "sigma_position_m", "sigma_height_m", "sigma_velocity_mps",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Simulation:
    """One run: tables of docs/contract.md. Truth is nowhere but in ``truth``."""

    scenario: Scenario
    seed: int
    measurements: pl.DataFrame  # in order of ``received``
    truth: pl.DataFrame
    site_toml: str
    made_by: Ints  # int64[R] target_id of each row of ``measurements``; -1: a false alarm, or a look that saw nothing


def simulate(scenario: str | Path | Scenario, seed: int = 0, duration_s: float | None = None) -> Simulation:
    """Run a scenario: a built-in name, a file, or one already read.

    Deterministic: the same scenario, seed and duration give the same tables, on every machine and under every
    ``PYTHONHASHSEED``. ``duration_s`` None takes the scenario's. Raises ``ConfigError`` with every fault.
    """
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario)
    length_s = scenario.duration_s if duration_s is None else duration_s
    faults = []
    if seed < 0:
        faults.append(Fault("seed", str(seed), "a whole number from 0"))
    if not 0.0 < length_s <= 86_400.0:
        faults.append(Fault("duration", f"{length_s:g}", "seconds from above 0 to 86400"))
    if faults:
        raise ConfigError(faults)
    origin = EnuFrame.at(
        math.radians(scenario.site.latitude_deg), math.radians(scenario.site.longitude_deg), scenario.site.height_m
    )
    truth = make_truth(scenario, seed, length_s)
    ground = None if scenario.terrain is None else Ground.of(scenario.terrain)
    world = World(truth, origin, scenario.wind, scenario.air, ground)
    tables = []
    for index, sensor in enumerate(scenario.sensor):
        latitude, longitude, height_m = _geodetic(origin, sensor)
        frame = EnuFrame.at(latitude, longitude, height_m)
        rng = np.random.default_rng([seed, 2, index])
        tables.append(_table(sensor, observe(rng, sensor, frame, world, length_s)))
    measurements = pl.concat([_table(None, None), *tables]).sort("received", maintain_order=True)
    made_by = measurements[MADE_BY].fill_null(-1).cast(pl.Int64).to_numpy()
    measurements = measurements.drop(MADE_BY)
    empty = [name for name in FLOAT_COLUMNS + TEXT_COLUMNS if measurements[name].null_count() == len(measurements)]
    return Simulation(
        scenario, seed, measurements.drop(empty), truth_table(truth, origin), site_toml(scenario, origin), made_by
    )


def _geodetic(origin: EnuFrame, sensor: Sensor) -> tuple[float, float, float]:
    latitude, longitude, height_m = origin.geodetic(np.array(sensor.position_m, np.float64)).tolist()
    return latitude, longitude, height_m


def _table(sensor: Sensor | None, rows: Rows | None) -> pl.DataFrame:
    """The measurement table of one sensor; of none: the schema."""
    columns = {} if rows is None else rows.columns
    n = 0 if rows is None else len(rows.look)
    none = np.empty(0, np.int64)
    frame: dict[str, pl.Series] = {
        "time": pl.Series("time", none if rows is None else rows.t_meas_ns, pl.Int64).cast(TIME),
        "received": pl.Series("received", none if rows is None else rows.t_recv_ns, pl.Int64).cast(TIME),
        "sensor": pl.Series("sensor", [] if sensor is None else [sensor.id] * n, pl.String),
        "look": pl.Series("look", none if rows is None else rows.look, pl.Int64),
    }
    for name in (*FLOAT_COLUMNS, MADE_BY):
        values = columns.get(name, np.full(n, np.nan))
        frame[name] = pl.Series(name, values, pl.Float64).fill_nan(None)
    for name in TEXT_COLUMNS:
        frame[name] = pl.Series(name, columns[name].tolist() if name in columns else [None] * n, pl.String)
    return pl.DataFrame(frame)


def _data_sheet(sensor: Sensor) -> dict[str, float]:
    """What a maker's sheet would say of how its errors depend on the signal, and of its beam."""
    told = {}
    if sensor.echo is not None and sensor.reports_rcs:
        told["sigma_snr_db"] = round(snr90_db(sensor.echo.p_false), 2)
    if sensor.echo is not None and sensor.echo.beam_elevation_deg is not None:
        told["beam_elevation_deg"] = sensor.echo.beam_elevation_deg
    if sensor.sound is not None and sensor.reports_rcs:
        told["sigma_snr_db"] = sensor.sound.threshold_db + SIGMA_OVER_THRESHOLD_DB
    return told


def site_toml(scenario: Scenario, origin: EnuFrame) -> str:
    """The site file: what an operator would know of these sensors, and nothing the simulation keeps to itself."""
    place = scenario.site
    lines = [
        "[site]",
        f"name = {json.dumps(place.name)}",
        f"latitude_deg = {place.latitude_deg!r}",
        f"longitude_deg = {place.longitude_deg!r}",
        f"height_m = {place.height_m!r}",
    ]
    for sensor in scenario.sensor:
        latitude, longitude, height_m = _geodetic(origin, sensor)
        lines += ["", "[[sensor]]", f"id = {json.dumps(sensor.id)}", f"kind = {json.dumps(sensor.kind)}"]
        lines += [f"latitude_deg = {math.degrees(latitude)!r}", f"longitude_deg = {math.degrees(longitude)!r}"]
        lines += [f"height_m = {height_m!r}"]
        for key in SITE_KEYS:
            value = getattr(sensor, key)
            if value is not None:
                lines.append(f"{key} = {list(value) if isinstance(value, tuple) else value!r}")
        if sensor.range_doppler_coupling_s:
            lines.append(f"range_doppler_coupling_s = {sensor.range_doppler_coupling_s!r}")
        if sensor.tracker is not None:
            lines.append('delivers = "tracks"')
        lines += [f"{key} = {value!r}" for key, value in _data_sheet(sensor).items()]
        if sensor.kind == "acoustic":
            lines += [f"air_temperature_c = {scenario.air.temperature_c!r}"]
            lines += [f"wind_east_mps = {scenario.wind.east_mps!r}", f"wind_north_mps = {scenario.wind.north_mps!r}"]
        slowest_s = max(sensor.latency_s) if isinstance(sensor.latency_s, tuple) else sensor.latency_s
        if slowest_s > 0.0:
            lines.append(f"latency_s = {slowest_s!r}")
    return "\n".join(lines) + "\n"
