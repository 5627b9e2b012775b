"""Columns of what was detected: true values of the sensor's own frame, with its errors."""

import numpy as np

from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import Floats, Ints
from lowsky.simulate.echo import mean_snr_db, threshold_db
from lowsky.simulate.pairs import Sensed
from lowsky.simulate.rows import Columns
from lowsky.simulate.scenario import Sensor
from lowsky.simulate.start import Generator
from lowsky.simulate.truth import Truth, geodetic_state

RCS_FLUCTUATION_DB = 3.0  # 1σ from plot to plot, where the echo has no physics of its own


def _noisy(rng: Generator, value: Floats, sigma: float | None, scale: Floats | None = None) -> Floats:
    """The value with its noise; NaN where the sensor does not measure it."""
    noise = rng.standard_normal(len(value))
    if sigma is None:
        return np.full(len(value), np.nan)
    return value + (sigma * noise if scale is None else sigma * scale * noise)


def plot_columns(
    rng: Generator, sensor: Sensor, pos: Floats, polar: Floats, vel: Floats, sensed: Sensed | None
) -> Columns:
    """Radar plots and bearings in the sensor's own level frame. Values are not clipped to the sector."""
    range_rate = np.einsum("ri,ri->r", pos, vel) / np.maximum(polar[:, 0], 1e-9)
    azimuth, elevation = np.degrees(polar[:, 1]), np.degrees(polar[:, 2])
    scale = up_scale = None
    if sensed is not None:
        scale, up_scale = sensed.scale, sensed.elevation_scale
        azimuth, elevation = azimuth + sensed.azimuth_off_deg, elevation + sensed.elevation_off_deg
        range_rate = range_rate + sensed.rate_off_mps
    has_range = sensor.kind == "radar"
    distance_m = polar[:, 0] + sensor.range_doppler_coupling_s * range_rate
    columns: Columns = {
        "range_m": _noisy(rng, distance_m, sensor.sigma_range_m if has_range else None, scale),
        "azimuth_deg": _noisy(rng, azimuth, sensor.sigma_azimuth_deg, scale) % 360.0,
        "elevation_deg": _noisy(rng, elevation, sensor.sigma_elevation_deg, up_scale),
        "range_rate_mps": _noisy(rng, range_rate, sensor.sigma_range_rate_mps if has_range else None, scale),
    }
    return columns


def stated_sigmas(sensor: Sensor, stated: Floats) -> Columns:
    """The standard deviations a plot carries, of a sensor that tells them: of what it measures."""
    names = ["sigma_azimuth_deg", "sigma_elevation_deg"]
    names += ["sigma_range_m", "sigma_range_rate_mps"] if sensor.kind == "radar" else []
    told = {name: getattr(sensor, name) for name in names}
    return {name: sigma * stated for name, sigma in told.items() if sigma is not None}


def strength(rng: Generator, sensor: Sensor, rcs_dbsm: Floats, range_m: Floats, sensed: Sensed | None) -> Columns:
    """The plot's radar cross-section and signal to noise ratio, fluctuating together, never below the threshold."""
    if sensed is not None:
        columns: Columns = {"snr_db": sensed.snr_db}
        if sensor.kind == "radar":
            # what a radar knows of a cross-section is what the radar equation makes of the signal
            columns["rcs_dbsm"] = sensed.snr_db - mean_snr_db(sensor, np.zeros_like(range_m), range_m)
        return columns
    swing = RCS_FLUCTUATION_DB * rng.standard_normal(len(rcs_dbsm))
    snr = mean_snr_db(sensor, rcs_dbsm, range_m) + swing
    return {"rcs_dbsm": rcs_dbsm + swing, "snr_db": np.maximum(snr, threshold_db())}


def report_columns(
    rng: Generator, sensor: Sensor, truth: Truth, origin: EnuFrame, pos: Floats, vel: Floats, target: Ints
) -> Columns:
    """What objects say of themselves: position and velocity with noise in local axes, and their identity."""
    sigma = np.array([sensor.sigma_position_m, sensor.sigma_position_m, sensor.sigma_height_m], np.float64)
    geodetic, _ = geodetic_state(origin, pos, vel)
    local = origin.local_from_enu(geodetic[:, 0], geodetic[:, 1])
    noise = np.einsum("rji,rj->ri", local, rng.standard_normal(pos.shape) * sigma)
    geodetic, vel_local = geodetic_state(origin, pos + noise, vel)
    columns: Columns = {
        "latitude_deg": np.degrees(geodetic[:, 0]),
        "longitude_deg": np.degrees(geodetic[:, 1]),
        "height_m": geodetic[:, 2],
        "identity": np.array([truth.identity[i] for i in target.tolist()], object),
    }
    for axis, name in enumerate(("east_mps", "north_mps", "up_mps")):
        columns[name] = _noisy(rng, vel_local[:, axis], sensor.sigma_velocity_mps)
    return columns
