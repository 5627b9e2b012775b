"""Small worlds for tracker tests: sensors, straight and turning flights, plots with noise, misses and clutter."""

import math

import numpy as np

from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import Coverage, Labels, MeasurementBatch, MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.site import Sensor, Site
from lowsky.model.track import PositionKind, TrackStatus
from lowsky.track.tracker import Tracker

LATITUDE, LONGITUDE, HEIGHT = math.radians(45.0), math.radians(8.0), 100.0
FRAME = EnuFrame.at(LATITUDE, LONGITUDE, HEIGHT)
SIGMA = np.array([10.0, math.radians(0.5), math.radians(1.0), 0.5])
SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND


def at(east, north, up):
    """Keyword arguments that put a sensor at a place in the site's frame."""
    g = FRAME.geodetic(np.array([east, north, up], float))
    return {"latitude_rad": float(g[0]), "longitude_rad": float(g[1]), "height_m": float(g[2])}


def radar(name="radar", place=(0.0, 0.0, 5.0), **changes):
    values = {
        "id": name, "kind": "radar", "sigma_range_m": SIGMA[0], "sigma_azimuth_rad": SIGMA[1],
        "sigma_elevation_rad": SIGMA[2], "sigma_range_rate_mps": SIGMA[3], "detection_probability": 0.9,
        "clutter_per_look": 10.0, "look_period_s": 1.0, "min_range_m": 100.0, "max_range_m": 5000.0,
        "elevation_rad": (0.0, math.pi / 2), **at(*place),
    }  # fmt: skip
    return Sensor(**{**values, **changes})


def finder(name="finder", place=(0.0, 0.0, 5.0), **changes):
    values = {"id": name, "kind": "direction-finder", "sigma_azimuth_rad": math.radians(2.0), **at(*place)}
    return Sensor(**{**values, "clutter_per_look": 0.5, "max_range_m": 6000.0, **changes})


def receiver(name="adsb", **changes):
    values = {"id": name, "kind": "cooperative", "sigma_position_m": 10.0, "sigma_height_m": 15.0, **at(0, 0, 0)}
    return Sensor(**{**values, "sigma_velocity_mps": 2.0, **changes})


def site(*sensors):
    return Site(name="test", latitude_rad=LATITUDE, longitude_rad=LONGITUDE, height_m=HEIGHT, sensors=sensors)


def geometry(sensor):
    place = np.float64(sensor.latitude_rad), np.float64(sensor.longitude_rad)
    return FRAME.pos_enu(*place, np.float64(sensor.height_m)), FRAME.local_from_enu(*place)


def plots(sensor, states):
    """Range, azimuth, elevation, range rate of float64[N, 6] states, without noise."""
    origin, C = geometry(sensor)
    d, u = (states[:, :3] - origin) @ C.T, states[:, 3:] @ C.T
    r = np.linalg.norm(d, axis=1)
    return np.column_stack((r, np.arctan2(d[:, 0], d[:, 1]), np.arcsin(d[:, 2] / r), (d * u).sum(axis=1) / r))


def batch(sensor, kind, t_ns, z, texts=None, attributes=None, coverage=None, look=-1, sigma=None):
    z = np.ascontiguousarray(z, np.float64)
    t = np.broadcast_to(np.asarray(t_ns, np.int64), (len(z),)).copy()
    sigma = np.full_like(z, np.nan) if sigma is None else np.array(sigma, np.float64)
    return MeasurementBatch(
        sensor.id, kind, t, t.copy(), z, sigma, look, coverage, attributes or {}, texts or {}
    )  # fmt: skip


def cover(sensor, t_ns):
    return Coverage(
        t_ns, t_ns, sensor.min_range_m, sensor.max_range_m, *sensor.azimuth_rad, *sensor.elevation_rad
    )  # fmt: skip


def look(rng, sensor, t_s, states, p_detect=None, clutter=None, streaming=False):
    """A tick with one look: noise, misses and evenly spread clutter; rows shuffled."""
    z = plots(sensor, states)
    z = z + rng.normal(size=z.shape) * SIGMA
    z = z[rng.random(len(z)) < (sensor.detection_probability if p_detect is None else p_detect)]
    n = rng.poisson(sensor.clutter_per_look if clutter is None else clutter)
    false = np.column_stack(
        (
            rng.uniform(sensor.min_range_m, sensor.max_range_m, n), rng.uniform(0, 2 * np.pi, n),
            rng.uniform(0, np.pi / 4, n), rng.uniform(-40, 40, n),
        )
    )  # fmt: skip
    z = np.vstack((z, false))[rng.permutation(len(z) + n)]
    t_ns = T0 + round(t_s * SECOND)
    return Tick(
        t_ns, batch(sensor, MeasurementKind.RADAR, t_ns, z, coverage=None if streaming else cover(sensor, t_ns))
    )


def reports(rng, sensor, t_s, states, names, sigma=10.0, velocity=True, height=True):
    """A tick with one report of each state, noise ``sigma`` m and 0.5 m/s."""
    t_ns = T0 + round(t_s * SECOND)
    place = states[:, :3] + rng.normal(size=(len(states), 3)) * sigma
    z = np.full((len(states), 6), np.nan)
    z[:, :3] = FRAME.geodetic(place)
    if not height:
        z[:, 2] = np.nan
    if velocity:
        C = FRAME.local_from_enu(z[:, 0], z[:, 1])
        z[:, 3:] = np.einsum("nab,nb->na", C, states[:, 3:]) + rng.normal(size=(len(states), 3)) * 0.5
    return Tick(t_ns, batch(sensor, MeasurementKind.REPORT, t_ns, z, texts={"identity": Labels.of(list(names))}))


def straight(start, velocity, t_s):
    """One state of constant velocity, float64[1, 6]."""
    v = np.asarray(velocity, float)
    return np.concatenate((np.asarray(start, float) + v * t_s, v))[None]


def tracked(stream, sensors, settings=None):
    """The tracker of a site with these sensors after all ticks of a stream."""
    tracker = Tracker(site(*sensors), settings)
    for tick in stream:
        tracker.step(tick)
    return tracker


def shown(snapshot):
    """bool[N]: confirmed or coasting points."""
    live = (snapshot.status == TrackStatus.CONFIRMED) | (snapshot.status == TrackStatus.COASTING)
    return live & (snapshot.position_kind == PositionKind.POINT)


def distances(snapshot, states):
    """float64[shown tracks, N states] between places, m."""
    rows = shown(snapshot)
    return np.linalg.norm(snapshot.x[rows][:, None, :3] - states[None, :, :3], axis=2)
