"""The cameras' rays through lowsky's own tracker, from a site file as one would write it for them.

Cameras with azimuth and elevation whose errors are all of the lasting kind (``lasting_share`` 1), of the size found
where their poses were fitted; everything else as it stands by default, but for how near objects may be.
"""

import math

import numpy as np

from benchmarks.recorded.sighting import EXTENT_M, Eye
from lowsky.constants import SECOND_NS
from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import MeasurementBatch, MeasurementKind
from lowsky.model.ports import Tick
from lowsky.model.site import Sensor, Site
from lowsky.model.track import PositionKind, TrackSnapshot, TrackStatus
from lowsky.track.tracker import Tracker

WHERE = math.radians(47.0), math.radians(8.0), 400.0  # the truth says metres only: any place will do
START_NS = 1_700_000_000 * SECOND_NS
FRAMES_S = 0.1  # of each camera, no more than one in so long: the errors of frames in between are the same
REACH_M = 1000.0  # a drone fills a pixel there
NEAREST_M = 5.0


def site_of(eyes: list[Eye]) -> Site:
    frame, sensors = EnuFrame.at(*WHERE), []
    for eye in eyes:
        latitude, longitude, height = frame.geodetic(eye.pose.centre).tolist()
        sigma = float(eye.lasting.mean())
        sensors.append(
            Sensor(
                id=eye.camera.name, kind="camera", latitude_rad=latitude, longitude_rad=longitude, height_m=height,
                sigma_azimuth_rad=sigma, sigma_elevation_rad=sigma, lasting_share=1.0, detection_probability=0.5,
                clutter_per_look=0.05, max_range_m=REACH_M,
            )
        )  # fmt: skip
    # cameras stand nearer to what they see than finders and radars do
    tracker = {"ray_reach_m": [NEAREST_M, REACH_M]}
    return Site(
        name="cameras", latitude_rad=WHERE[0], longitude_rad=WHERE[1], height_m=WHERE[2], sensors=tuple(sensors),
        tracker=tracker,
    )  # fmt: skip


def looks(eyes: list[Eye], from_s: float, to_s: float) -> list[tuple[float, MeasurementBatch]]:
    """Azimuth and elevation of each frame used, in order of time."""
    frame, out = EnuFrame.at(*WHERE), []
    for number, eye in enumerate(eyes):
        place = frame.geodetic(eye.pose.centre)
        C = frame.local_from_enu(place[0], place[1])
        own, before_s = eye.pose.times(eye.camera), -math.inf
        for k in np.flatnonzero((own >= from_s) & (own <= to_s)).tolist():
            if own[k] - before_s < FRAMES_S - 1e-6:
                continue
            before_s = float(own[k])
            e, n, u = C @ (eye.pose.turn.T @ np.append(eye.camera.ray[k], 1.0))
            level = math.hypot(e, n)
            z = np.array([[math.atan2(e, n) % (2.0 * math.pi), math.atan2(u, level)]])
            sigma = float(eye.lasting.mean())
            across = min(sigma * math.hypot(level, u) / max(level, 1e-6), 1.0)
            t_ns = np.array([START_NS + round(before_s * SECOND_NS)])
            batch = MeasurementBatch(
                eye.camera.name, MeasurementKind.BEARING, t_ns, t_ns.copy(), z, np.array([[across, sigma]])
            )
            out.append((before_s, number, batch))
    return [(t_s, batch) for t_s, _, batch in sorted(out, key=lambda look: look[:2])]


def tracked(eyes: list[Eye], t_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As ``sighting.filtered``: positions float64[K, 3] at ascending times float64[K] and their covariances, of the
    confirmed track that was seen last; NaN where there is none."""
    tracker, waiting = Tracker(site_of(eyes)), looks(eyes, t_s[0] - 1.0, t_s[-1])
    place, covariance = np.full((len(t_s), 3), np.nan), np.full((len(t_s), 3, 3), np.nan)
    taken = 0
    for k, now in enumerate(t_s.tolist()):
        while taken < len(waiting) and waiting[taken][0] <= now:
            batch = waiting[taken][1]
            tracker.step(Tick(int(batch.t_meas_ns[0]), batch))
            taken += 1
        now_ns = START_NS + round(now * SECOND_NS)
        tracker.step(Tick(now_ns))
        row = newest(shot := tracker.snapshot(now_ns))
        if row >= 0:
            place[k], covariance[k] = shot.x[row, :3], shot.P[row, :3, :3] + EXTENT_M**2 * np.eye(3)
    return place, covariance


def newest(shot: TrackSnapshot) -> int:
    """Row of the confirmed track with a position that was seen last, or −1."""
    rows = np.flatnonzero((shot.position_kind == PositionKind.POINT) & (shot.status == TrackStatus.CONFIRMED))
    return int(rows[np.lexsort((-shot.track_id[rows], shot.t_update_ns[rows]))[-1]]) if len(rows) else -1
