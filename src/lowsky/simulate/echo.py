"""A radar's echo: radar equation, fluctuation, Doppler notch, shadow, and errors that follow the signal."""

import numpy as np

from lowsky.constants import EARTH_MEAN_RADIUS_M, SPEED_OF_LIGHT_MPS
from lowsky.model.measurement import Floats
from lowsky.simulate.pairs import Pairs, Sensed, World, lasting, plain
from lowsky.simulate.scenario import Echo, Sensor
from lowsky.simulate.start import Generator
from lowsky.simulate.terrain import shadow_db

P_FALSE = 1e-6  # of one resolution cell; fixes the threshold
R90_RCS_DBSM = -20.0  # 0.01 m²
ROTORS = ("multirotor", "helicopter", "drone")
BLADE_TIP_MPS = 60.0  # of a wind turbine: its range rates are anything between
OUTLIER = 5.0  # times the errors (science.md 1.4)
LOW_BEAM, LOW_BEAM_SCALE = 0.7, 3.0  # multipath: below 0.7 of a beam's width elevation is three times as wrong
EDGE_BIAS = 0.15  # of a beam's width, at the edge of the sector, towards its middle (assumed)
REFRACTION = 1.0 / (8.0 * EARTH_MEAN_RADIUS_M)  # of elevation, rad/m of range: what 4/3 earth leaves beside its curve
BEST, WORST = 0.5, 2.0  # bounds of errors over those at P_D = 0.9


def threshold_db(p_false: float = P_FALSE) -> float:
    return float(10.0 * np.log10(-np.log(p_false)))


def snr90_db(p_false: float = P_FALSE) -> float:
    """Mean signal to noise at which a Swerling 1 target is detected with 0.9."""
    return float(10.0 * np.log10(np.log(p_false) / np.log(0.9) - 1.0))


def mean_snr_db(sensor: Sensor, rcs_dbsm: Floats, range_m: Floats, p_false: float = P_FALSE) -> Floats:
    """Mean signal to noise ratio from the radar equation, scaled so that P_D is 0.9 at ``r90_m`` for 0.01 m²."""
    r90_m = sensor.r90_m or sensor.max_range_m
    at = 40.0 * np.log10(r90_m / np.maximum(range_m, 1.0))
    return np.asarray(snr90_db(p_false) + at + rcs_dbsm - R90_RCS_DBSM)


def swerling_1(snr_db: Floats, p_false: float = P_FALSE) -> Floats:
    """P_D = P_fa^(1/(1+SNR)) of a target that fluctuates from look to look as many equal scatterers do."""
    return np.asarray(np.exp(np.log(p_false) / (1.0 + 10.0 ** (snr_db / 10.0))))


def swerling_3(snr_db: Floats, p_false: float = P_FALSE) -> Floats:
    """P_D = [1 + 2 T SNR/(2+SNR)²] exp(−2T/(2+SNR)), T = −ln P_fa: one strong scatterer among small ones."""
    snr, t = 10.0 ** (snr_db / 10.0), -np.log(p_false)
    return np.asarray((1.0 + 2.0 * t * snr / (2.0 + snr) ** 2) * np.exp(-2.0 * t / (2.0 + snr)))


def received_power(rng: Generator, snr: Floats, swerling: Floats) -> Floats:
    """Power of signal and noise in units of the mean noise: what a detector compares with its threshold.

    The signal's power is exponential (Swerling 1) or the sum of two exponentials (Swerling 3) about ``snr``; phase and
    noise are complex normal.
    """
    one, two = rng.exponential(1.0, (2, *snr.shape))
    signal = snr * np.where(swerling == 3, 0.5 * (one + two), one)
    noise = rng.standard_normal((2, *snr.shape)) * np.sqrt(0.5)
    return np.asarray((np.sqrt(signal) + noise[0]) ** 2 + noise[1] ** 2)


def sense(rng: Generator, sensor: Sensor, echo: Echo, world: World, pairs: Pairs) -> Sensed:
    """What a radar makes of the pairs in its reach."""
    truth, n = world.truth, len(pairs.look)
    range_m, rcs = pairs.polar[:, 0], truth.rcs_dbsm[pairs.target]
    slow = lasting(
        rng, (len(pairs.times_s), len(truth.rcs_dbsm)), sensor.look_period_s, echo.slow_sigma_db, echo.slow_s
    )
    mean_db = mean_snr_db(sensor, rcs, range_m, echo.p_false) + slow[pairs.look, pairs.target]
    mean_db -= 2.0 * echo.attenuation_db_per_km * (range_m - (sensor.r90_m or sensor.max_range_m)) / 1e3
    wavelength_m = SPEED_OF_LIGHT_MPS / (echo.frequency_ghz * 1e9)
    place_m = np.array(sensor.position_m, np.float64)
    mean_db -= 2.0 * shadow_db(world.ground, place_m, pairs.pos_m, wavelength_m)
    power = received_power(rng, 10.0 ** (mean_db / 10.0), truth.signs.swerling[pairs.target])
    label = truth.object_class[pairs.target]
    turbine = label == "wind-turbine"
    hidden = np.abs(pairs.rate_mps) < echo.notch_mps
    if echo.rotor_lines:
        hidden &= ~np.isin(label, ROTORS)
    detected = (power > -np.log(echo.p_false)) & ~(hidden & ~turbine)
    snr_db = 10.0 * np.log10(np.maximum(power - 1.0, 0.1))
    stated = np.clip(10.0 ** ((snr90_db(echo.p_false) - snr_db) / 20.0), BEST, WORST)
    scale = np.where(rng.random(n) < echo.outlier_share, OUTLIER * stated, stated)
    low, off = _low_and_edge(sensor, echo, pairs)
    off = off + np.degrees(range_m * REFRACTION)
    half = echo.says_half_db
    return plain(
        detected,
        snr_db=snr_db,
        stated=stated,
        scale=scale,
        elevation_scale=np.where(low, LOW_BEAM_SCALE * scale, scale),
        elevation_off_deg=off,
        rate_off_mps=np.where(turbine, rng.uniform(-BLADE_TIP_MPS, BLADE_TIP_MPS, n), 0.0),
        clarity=np.ones(n) if half is None else 1.0 / (1.0 + 10.0 ** ((half - snr_db) / 10.0)),
    )


def _low_and_edge(sensor: Sensor, echo: Echo, pairs: Pairs) -> tuple[np.ndarray, Floats]:
    """Where elevation suffers from the ground's reflection, and its bias at the sector's edges, degrees."""
    elevation = np.degrees(pairs.polar[:, 2])
    beam = echo.beam_elevation_deg
    if beam is None:
        return np.zeros(len(elevation), np.bool_), np.zeros(len(elevation))
    low, high = sensor.elevation_deg
    at_bottom = np.clip(1.0 - (elevation - low) / (0.5 * beam), 0.0, 1.0)
    at_top = np.clip(1.0 - (high - elevation) / (0.5 * beam), 0.0, 1.0)
    return elevation < LOW_BEAM * beam, EDGE_BIAS * beam * (at_bottom - at_top)
