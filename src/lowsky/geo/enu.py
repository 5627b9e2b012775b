"""Local east-north-up frames, tangent to the ellipsoid at a named origin."""

from dataclasses import dataclass

import numpy as np

from lowsky.geo.wgs84 import ecef_from_geodetic, geodetic_from_ecef
from lowsky.model.measurement import Floats


def enu_from_ecef_rotation(latitude_rad: Floats, longitude_rad: Floats) -> Floats:
    """Rotations float64[..., 3, 3] whose rows are east, north and up at the points given, in ECEF axes."""
    sin_lat, cos_lat, sin_lon, cos_lon = np.broadcast_arrays(
        np.sin(latitude_rad), np.cos(latitude_rad), np.sin(longitude_rad), np.cos(longitude_rad)
    )
    rotation = np.empty((*sin_lat.shape, 3, 3))
    rotation[..., 0, 0] = -sin_lon
    rotation[..., 0, 1] = cos_lon
    rotation[..., 0, 2] = 0.0
    rotation[..., 1, 0] = -sin_lat * cos_lon
    rotation[..., 1, 1] = -sin_lat * sin_lon
    rotation[..., 1, 2] = cos_lat
    rotation[..., 2, 0] = cos_lat * cos_lon
    rotation[..., 2, 1] = cos_lat * sin_lon
    rotation[..., 2, 2] = sin_lat
    return rotation


@dataclass(frozen=True, slots=True)
class EnuFrame:
    """The tangent frame at one origin: exact rotations, so the earth's curvature is in every conversion."""

    origin_ecef: Floats  # float64[3] m
    enu_from_ecef: Floats  # float64[3, 3]

    @classmethod
    def at(cls, latitude_rad: float, longitude_rad: float, height_m: float) -> "EnuFrame":
        lat, lon, h = np.float64(latitude_rad), np.float64(longitude_rad), np.float64(height_m)
        return cls(ecef_from_geodetic(lat, lon, h), enu_from_ecef_rotation(lat, lon))  # type: ignore[arg-type]

    def pos_enu(self, latitude_rad: Floats, longitude_rad: Floats, height_m: Floats) -> Floats:
        """Metres east, north, up of the origin, float64[..., 3]."""
        return (ecef_from_geodetic(latitude_rad, longitude_rad, height_m) - self.origin_ecef) @ self.enu_from_ecef.T

    def geodetic(self, pos_enu: Floats) -> Floats:
        """Latitude rad, longitude rad, ellipsoidal height m of float64[..., 3] metres in this frame."""
        return geodetic_from_ecef(pos_enu @ self.enu_from_ecef + self.origin_ecef)

    def local_from_enu(self, latitude_rad: Floats, longitude_rad: Floats) -> Floats:
        """Rotations float64[..., 3, 3] from this frame's axes to east-north-up at the points given.

        Used as ``local_from_enu @ vector_enu``; velocities and covariances in files are in local axes.
        """
        return enu_from_ecef_rotation(latitude_rad, longitude_rad) @ self.enu_from_ecef.T

    def local_states(self, x: Floats, P: Floats) -> tuple[Floats, Floats, Floats]:
        """States float64[N, 6] and covariances float64[N, 6, 6] of this frame in the frame of the object itself.

        Returns geodetic float64[N, 3] (rad, rad, m), velocity float64[N, 3] and covariance float64[N, 6, 6], both
        east, north, up *at that point*: 100 km from the origin "up" differs by 0.9°.
        """
        geodetic = self.geodetic(x[:, :3])
        turn = self.local_from_enu(geodetic[:, 0], geodetic[:, 1])
        velocity = np.einsum("nij,nj->ni", turn, x[:, 3:])
        both = np.zeros((len(x), 6, 6))
        both[:, :3, :3] = both[:, 3:, 3:] = turn
        return geodetic, velocity, both @ P @ np.swapaxes(both, 1, 2)
