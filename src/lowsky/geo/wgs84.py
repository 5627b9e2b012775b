"""Geodetic coordinates ↔ ECEF on the WGS-84 ellipsoid."""

import numpy as np

from lowsky.constants import WGS84_A_M, WGS84_B_M, WGS84_E2
from lowsky.model.measurement import Floats


def ecef_from_geodetic(latitude_rad: Floats, longitude_rad: Floats, height_m: Floats) -> Floats:
    """ECEF metres, float64[..., 3], of geodetic latitude, longitude (rad) and ellipsoidal height (m).

    Exact (closed form): with N = a / √(1 − e² sin² φ)::

        x = (N + h) cos φ cos λ     y = (N + h) cos φ sin λ     z = (N (1 − e²) + h) sin φ
    """
    sin_lat, cos_lat = np.sin(latitude_rad), np.cos(latitude_rad)
    n = WGS84_A_M / np.sqrt(1.0 - WGS84_E2 * sin_lat * sin_lat)
    return np.stack(
        np.broadcast_arrays(
            (n + height_m) * cos_lat * np.cos(longitude_rad),
            (n + height_m) * cos_lat * np.sin(longitude_rad),
            (n * (1.0 - WGS84_E2) + height_m) * sin_lat,
        ),
        axis=-1,
    )


def geodetic_from_ecef(ecef_m: Floats) -> Floats:
    """Latitude rad, longitude rad, ellipsoidal height m as float64[..., 3] of ECEF metres float64[..., 3].

    Fixed-point iteration of tan φ = (z + e² N sin φ) / p in its reduced-latitude form (derived from the
    ellipse's evolute), three rounds: better than 1e-8 m in position for −10 km … 1000 km height. At the
    poles longitude is 0. NaN in, NaN out.
    """
    x, y, z = ecef_m[..., 0], ecef_m[..., 1], ecef_m[..., 2]
    p = np.hypot(x, y)
    ep2 = (WGS84_A_M**2 - WGS84_B_M**2) / WGS84_B_M**2
    beta = np.arctan2(z * WGS84_A_M, p * WGS84_B_M)  # reduced latitude of the first guess
    lat = beta
    for _ in range(3):
        lat = np.arctan2(z + ep2 * WGS84_B_M * np.sin(beta) ** 3, p - WGS84_E2 * WGS84_A_M * np.cos(beta) ** 3)
        beta = np.arctan2(WGS84_B_M * np.sin(lat), WGS84_A_M * np.cos(lat))
    sin_lat, cos_lat = np.sin(lat), np.cos(lat)
    # h from the projection on the normal: well conditioned at the poles and at the equator
    h = p * cos_lat + z * sin_lat - WGS84_A_M * np.sqrt(1.0 - WGS84_E2 * sin_lat * sin_lat)
    return np.stack((lat, np.arctan2(y, x), h), axis=-1)
