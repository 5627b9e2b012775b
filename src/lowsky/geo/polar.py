"""Range, azimuth and elevation of points in a level frame; angles on the circle."""

import numpy as np

from lowsky.model.measurement import Floats

TWO_PI = 2.0 * np.pi


def wrap_pi(angle_rad: Floats) -> Floats:
    """The same angle in [−π, π]; π itself only by rounding, of an angle just below −π."""
    return (angle_rad + np.pi) % TWO_PI - np.pi


def polar_from_enu(pos_enu: Floats) -> Floats:
    """Slant range m, azimuth rad in [0, 2π), elevation rad as float64[..., 3]. At the origin the angles are 0."""
    east, north, up = pos_enu[..., 0], pos_enu[..., 1], pos_enu[..., 2]
    azimuth = np.arctan2(east, north) % TWO_PI
    return np.stack(
        (
            np.sqrt(east * east + north * north + up * up),
            np.where(azimuth >= TWO_PI, 0.0, azimuth),  # a hair west of north rounds to the whole turn
            np.arctan2(up, np.hypot(east, north)),
        ),
        axis=-1,
    )
