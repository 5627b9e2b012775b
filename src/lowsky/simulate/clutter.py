"""False alarms: from everywhere, and from patches of ground and rain that give them look after look."""

import numpy as np
from numpy.typing import NDArray

from lowsky.geo.polar import polar_from_enu
from lowsky.model.measurement import Floats, Ints
from lowsky.simulate.echo import threshold_db
from lowsky.simulate.rows import Columns
from lowsky.simulate.scenario import PatchGroup, Sensor
from lowsky.simulate.start import Generator, along, draw

CLUTTER_RCS_DBSM = (-24.0, 7.0)
CLUTTER_SNR_EXCESS_DB = 2.5  # mean above the threshold


def says(
    rng: Generator, sensor: Sensor, true_class: NDArray[np.str_], clarity: Floats | None = None
) -> NDArray[np.generic]:
    """What the sensor thinks each object is, drawn from the row of ``says`` of its true class; else None.

    ``clarity`` float64[N] is the share of it that a weak signal leaves; all where None.
    """
    lot = rng.random(len(true_class))
    if clarity is not None:
        lot = lot / np.maximum(clarity, 1e-9)
    said = np.full(len(true_class), None, object)
    for label, shares in sensor.says.items():
        rows = np.nonzero(true_class == label)[0]
        names = np.array([*shares, None], object)
        edges = np.cumsum(list(shares.values()))
        said[rows] = names[np.searchsorted(edges, lot[rows], side="right")]
    return said


def false_alarms(rng: Generator, sensor: Sensor, looks: int, swing: Floats) -> tuple[Ints, Columns]:
    """Look and columns of those from everywhere: Poisson in number, uniform over sector, range and range rate.

    ``swing`` float64[L]: how many times as many a look has.
    """
    from_everywhere = sensor.clutter_per_look * (1.0 - sensor.patches.share)
    look = np.repeat(np.arange(looks), rng.poisson(from_everywhere * swing, looks))
    n = len(look)
    azimuth, elevation = draw(rng, sensor.azimuth_deg, n) % 360.0, draw(rng, sensor.clutter_elevation_deg, n)
    range_m = draw(rng, (sensor.min_range_m, sensor.max_range_m), n)
    rate = draw(rng, (-sensor.clutter_range_rate_mps, sensor.clutter_range_rate_mps), n)
    values = {"range_m": range_m, "azimuth_deg": azimuth, "elevation_deg": elevation, "range_rate_mps": rate}
    return look, _measured(rng, sensor, values)


def _measured(rng: Generator, sensor: Sensor, values: dict[str, Floats]) -> Columns:
    """The columns this sensor has, of false alarms at these places."""
    n = len(values["azimuth_deg"])
    columns: Columns = {"azimuth_deg": values["azimuth_deg"], "class": says(rng, sensor, np.full(n, "clutter"))}
    if sensor.sigma_elevation_deg is not None:
        columns["elevation_deg"] = values["elevation_deg"]
    if sensor.kind == "radar":
        columns["range_m"] = values["range_m"]
    if sensor.kind == "radar" and sensor.sigma_range_rate_mps is not None:
        columns["range_rate_mps"] = values["range_rate_mps"]
    if sensor.reports_rcs:
        mean, spread = CLUTTER_RCS_DBSM
        columns["rcs_dbsm"] = mean + spread * rng.standard_normal(n)
        columns["snr_db"] = threshold_db() + rng.exponential(CLUTTER_SNR_EXCESS_DB, n)
    return columns


def patch_alarms(rng: Generator, sensor: Sensor, times_s: Floats, turn: Floats, shift: Floats) -> tuple[Ints, Columns]:
    """Look and columns of those from patches: Poisson in number, where a point of the patch lies, without more noise.

    ``turn`` float64[3, 3] and ``shift`` float64[3] m take the site's axes to the sensor's.
    """
    patches = sensor.patches
    if patches.share == 0.0:
        return np.empty(0, np.int64), {}
    wind = along(np.radians(draw(rng, patches.wind_course_deg, 1)), draw(rng, patches.wind_mps, 1))[0]
    kinds = [group for group in patches.group for _ in range(group.count)]
    centre = np.concatenate([_centres(rng, group, sensor) for group in patches.group])
    weight = np.exp(patches.weight_sigma * rng.standard_normal(len(kinds)))
    mean = sensor.clutter_per_look * patches.share * weight / weight.sum()
    look, patch = np.nonzero(counts := rng.poisson(mean, (len(times_s), len(kinds))))
    look, patch = np.repeat(look, counts[look, patch]), np.repeat(patch, counts[counts > 0])
    pos = np.column_stack((centre[patch], np.zeros(len(patch))))
    vel = np.array([group.drifts for group in kinds])[patch, None] * wind
    pos += vel * times_s[look, None]
    pos += _about(rng, kinds, patch)
    here, drift = pos @ turn.T + shift, vel @ turn.T
    range_m, azimuth, elevation = polar_from_enu(here).T
    rate = np.einsum("ri,ri->r", here, drift) / np.maximum(range_m, 1e-9)
    rate += patches.range_rate_sigma_mps * rng.standard_normal(len(rate))
    if any(group.rate_mps > 0.0 for group in kinds):
        rate += np.array([group.rate_mps for group in kinds])[patch] * rng.uniform(-1.0, 1.0, len(rate))
    values = {
        "range_m": range_m,
        "azimuth_deg": np.degrees(azimuth) % 360.0,
        "elevation_deg": np.degrees(elevation),
        "range_rate_mps": rate,
    }
    return look, _measured(rng, sensor, values)


def _centres(rng: Generator, group: PatchGroup, sensor: Sensor) -> Floats:
    """float64[count, 2] m east, north of the site's origin."""
    range_m, azimuth = draw(rng, group.range_m, group.count), np.radians(draw(rng, group.azimuth_deg, group.count))
    east_m, north_m, _ = sensor.position_m
    return np.stack((east_m + range_m * np.sin(azimuth), north_m + range_m * np.cos(azimuth)), axis=-1)


def _about(rng: Generator, kinds: list[PatchGroup], patch: Ints) -> Floats:
    """Points about their centres, and their heights, float64[R, 3]; patch int64[R]."""
    spread, up_sigma = (np.array([getattr(g, key) for g in kinds])[patch] for key in ("spread_m", "up_sigma_m"))
    limits = np.array([g.up_m if isinstance(g.up_m, tuple) else (g.up_m, g.up_m) for g in kinds])[patch]
    normal = rng.standard_normal((len(patch), 3))
    up = limits[:, 0] + (limits[:, 1] - limits[:, 0]) * rng.random(len(patch)) + up_sigma * np.abs(normal[:, 2])
    return np.column_stack((spread[:, None] * normal[:, :2], up))
