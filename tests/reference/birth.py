"""Twin of lowsky.kernels.birth, by drawing: what a plot's noise does to the position it stands for."""

import numpy as np


def radar_cloud(rng, z, sigma, origin, C, n):
    """Positions of ``n`` draws of (range, azimuth, elevation) around one plot, in the site's axes."""
    r, az, el = z[:3, None] + rng.normal(size=(3, n)) * np.asarray(sigma)[:3, None]
    local = np.stack((r * np.cos(el) * np.sin(az), r * np.cos(el) * np.cos(az), r * np.sin(el)))
    return (C.T @ local).T + origin
