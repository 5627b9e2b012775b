"""Range, azimuth, elevation in a level frame ↔ east, north, up, with covariance."""

import numpy as np

from lowsky.model.measurement import Floats

TWO_PI = 2.0 * np.pi


def wrap_pi(angle_rad: Floats) -> Floats:
    """The same angle in [−π, π)."""
    return (angle_rad + np.pi) % TWO_PI - np.pi


def enu_from_polar(range_m: Floats, azimuth_rad: Floats, elevation_rad: Floats) -> Floats:
    """float64[..., 3] m of slant range, azimuth clockwise from north, elevation above the horizontal."""
    ground_m = range_m * np.cos(elevation_rad)
    return np.stack(
        np.broadcast_arrays(
            ground_m * np.sin(azimuth_rad), ground_m * np.cos(azimuth_rad), range_m * np.sin(elevation_rad)
        ),
        axis=-1,
    )


def polar_from_enu(pos_enu: Floats) -> Floats:
    """Slant range m, azimuth rad in [0, 2π), elevation rad as float64[..., 3]. At the origin the angles are 0."""
    east, north, up = pos_enu[..., 0], pos_enu[..., 1], pos_enu[..., 2]
    return np.stack(
        (
            np.sqrt(east * east + north * north + up * up),
            np.arctan2(east, north) % TWO_PI,
            np.arctan2(up, np.hypot(east, north)),
        ),
        axis=-1,
    )


def enu_covariance_from_polar(range_m: Floats, azimuth_rad: Floats, elevation_rad: Floats, sigma: Floats) -> Floats:
    """First-order covariance float64[..., 3, 3] m² of ``enu_from_polar``.

    ``sigma`` is float64[..., 3]: one standard deviation of range (m), azimuth and elevation (rad). Good while
    range · σ_angle is small against range; the filter never uses it but at birth and for drawing.
    """
    sin_az, cos_az = np.sin(azimuth_rad), np.cos(azimuth_rad)
    sin_el, cos_el = np.sin(elevation_rad), np.cos(elevation_rad)
    # columns: unit vectors along range, azimuth and elevation, scaled to 1σ metres
    along = np.stack((cos_el * sin_az, cos_el * cos_az, sin_el), axis=-1) * sigma[..., 0:1]
    across = np.stack((cos_az, -sin_az, np.zeros_like(sin_az)), axis=-1) * (range_m * cos_el * sigma[..., 1])[..., None]
    upwards = np.stack((-sin_el * sin_az, -sin_el * cos_az, cos_el), axis=-1) * (range_m * sigma[..., 2])[..., None]
    factor = np.stack((along, across, upwards), axis=-1)
    return factor @ np.swapaxes(factor, -1, -2)
