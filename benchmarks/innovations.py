"""What each plot differed from what the tracker expected of it: normalised squared innovations (NIS), with the truth's
help.

Which plot is whose is taken from the simulation, not from the tracker: one that only uses plots that fit would else
look better than it is. The track of a target is the one the best assignment gives it just before the look.
"""

import numpy as np

from lowsky.evaluate.assign import assign
from lowsky.evaluate.clairvoyant import Detections, detections_of
from lowsky.evaluate.consistency import Innovations
from lowsky.evaluate.seconds import in_frame
from lowsky.evaluate.tables import read_truth
from lowsky.geo.enu import EnuFrame
from lowsky.kernels.compiled import njit
from lowsky.kernels.update import condition, scratch
from lowsky.model.measurement import MeasurementKind
from lowsky.model.site import Site
from lowsky.model.track import PositionKind, TrackSnapshot, TrackStatus
from lowsky.simulate import Simulation

KINDS = (MeasurementKind.RADAR, MeasurementKind.BEARING)  # reports name their object and have lasting errors
SHOWN = (TrackStatus.CONFIRMED, TrackStatus.COASTING)


@njit
def squared_innovations(row, track, kind, z, var, origin, C, height, x, P, nis, size):
    """NIS float64[K] and components used int64[K] of pairs (row, track); states are left as they are."""
    work = scratch()
    for k in range(row.shape[0]):
        r, i = row[k], track[k]
        nis[k], _, size[k] = condition(
            kind[r], x[i].copy(), P[i].copy(), z[r], var[r], False, 0.0, origin[r], C[r], height[r], work
        )


class Watch:
    """Looks at the tracker just before each look of a simulated run."""

    def __init__(self, world: Simulation, site: Site, cutoff_m: float) -> None:
        self._frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
        self._cutoff_m = cutoff_m
        self._truth = read_truth(world.truth)
        self._pos, self._vel = in_frame(self._truth, self._frame)
        self._rows: dict[tuple[str, int], Detections] = {}
        sensor = world.measurements["sensor"].to_numpy()
        for one in site.sensors:
            if one.measures in KINDS and ((sensor == one.id) & (world.made_by >= 0)).any():
                found = detections_of(world.measurements, np.where(sensor == one.id, world.made_by, -1), site)
                found = found.take(np.argsort(found.t_ns, kind="stable"))
                starts = np.flatnonzero(np.append(True, np.diff(found.t_ns) > 0))
                for rows in np.split(np.arange(len(found.t_ns)), starts[1:]):
                    self._rows[one.id, int(found.t_ns[rows[0]])] = found.take(rows)
        self._made: list[tuple[str, int, np.ndarray, np.ndarray, np.ndarray]] = []

    def wanted(self, sensor: str, t_ns: int) -> bool:
        return (sensor, t_ns) in self._rows

    def look(self, sensor: str, t_ns: int, tracks: TrackSnapshot) -> None:
        """``tracks`` are predicted to the look, which the tracker has not seen yet."""
        shown = np.isin(tracks.status, SHOWN) & (tracks.position_kind == PositionKind.POINT)
        shown = np.flatnonzero(shown & (tracks.t_state_ns == t_ns))
        ids, pos = self._there(t_ns)
        track_of = assign(pos, np.ascontiguousarray(tracks.x[shown, :3]), self._cutoff_m)
        of_target = dict(zip(ids[track_of >= 0].tolist(), shown[track_of[track_of >= 0]].tolist()))
        rows = self._rows[sensor, t_ns]
        row = np.array([k for k, target in enumerate(rows.target.tolist()) if target in of_target], np.int64)
        track = np.array([of_target[target] for target in rows.target[row].tolist()], np.int64)
        nis, size = np.empty(len(row)), np.empty(len(row), np.int64)
        squared_innovations(
            row, track, rows.kind, rows.z, rows.var, rows.origin, rows.C, rows.height,
            np.ascontiguousarray(tracks.x), np.ascontiguousarray(tracks.P), nis, size,
        )  # fmt: skip
        self._made.append((sensor, t_ns, tracks.track_id[track], nis, size))

    def _there(self, t_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids and places of the targets, carried from their last row at most 0.2 s ago."""
        age_s = (t_ns - self._truth.t_ns) * 1e-9
        use = np.flatnonzero((age_s >= 0.0) & (age_s < 0.2))
        last = use[np.append(self._truth.id[use][1:] != self._truth.id[use][:-1], True)] if len(use) else use
        return self._truth.id[last], self._pos[last] + age_s[last, None] * self._vel[last]

    def innovations(self) -> Innovations:
        made = [one for one in self._made if len(one[2])]
        columns = [np.concatenate([np.empty(0), *(one[k] for one in made)]) for k in (2, 3, 4)]
        sensor = tuple(one[0] for one in made for _ in range(len(one[2])))
        t_ns = np.array([one[1] for one in made for _ in range(len(one[2]))], np.int64)
        return Innovations(sensor, columns[0].astype(np.int64), t_ns, columns[1], columns[2].astype(np.int64))
