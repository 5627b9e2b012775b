"""Objects followed by their own reports alone, or by one radar's plots alone, and their meetings with each sensor."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.linalg import OK, cholesky
from lowsky.kernels.observe import REFRACTION
from lowsky.kernels.registration import N_ERROR, compare, condition_pairs, follow_reports, in_view
from lowsky.model.measurement import Floats, Ints, MeasurementBatch, MeasurementKind
from lowsky.track.rows import Rows, Station

REFERENCES_MOST = 32  # objects followed at a time; more teach little and cost
REFERENCE_AGE_NS = 2_500_000_000  # a reference that has not spoken for longer is compared with nothing
FORGOTTEN_NS = 10_000_000_000  # its place is free for another
REPORTS_LEAST = 3  # before a reference is compared: a decoding fault does not come three times in a row
Q_REFERENCE = np.array([1.0, 0.3])  # m²/s³; between two reports a second apart the velocity they state tells most
VAR_VELOCITY = 50.0**2  # (m/s)², of a report without velocity
GATE_REPORT = 60.0  # d² of 6 beyond which a reference begins anew
GATE_PAIR = 21.1  # χ² of 3, 0.9999
GATE_RATE = 16.0
PAIRS_MOST = 4096
ALONE_M, ALONE_RAD = 250.0, 0.08  # half of how far a sensor that is off is sought (``sensor_errors.WIDE``)
MARGIN_M = 100.0  # nearer than this to the ends of a sensor's reach nothing is expected of it
STEEPEST_RAD = 1.05  # above it an azimuth error is hardly one of place
MOVING_MPS = 3.0
UNSEEN_MOST = 8  # looks; hidden by terrain, or not for this sensor
MEETING_NS = 15_000_000_000
MEETING_ROWS = 4
MEETING_REPORTS = 3
VAR_DUMMY = np.array([200.0, 0.1, 0.1, 3.0, 200.0, 200.0]) ** 2  # so wide that it says nothing; taken off again

Pairs = tuple[Ints, Ints, Floats, Floats, Floats]
"""Slot and row (int64[E]); residual, variance and ∂z/∂t (float64[E, 3])."""


def alone(rows: Rows, row: Ints, numbers: Ints, most: int) -> tuple[Ints, Ints]:
    """Of radar plots ``row`` the first ``most`` that have no other of the look near them: in a swarm every error of a
    sensor brings some plots to some objects."""
    row, numbers = row[:most], numbers[:most]
    r, azimuth = rows.z[:, 0], rows.z[:, 1]
    away = np.abs(r[row][:, None] - r[None, :]) > ALONE_M
    turned = np.abs((azimuth[row][:, None] - azimuth[None, :] + np.pi) % (2.0 * np.pi) - np.pi)
    away |= turned > np.maximum(ALONE_RAD, ALONE_M / r[row])[:, None]
    away[np.arange(len(row)), row] = True
    keep = away.all(axis=1)
    return row[keep], numbers[keep]


def places(station: Station, rows: Rows, use: Ints) -> Rows:
    """Radar plots as reports: each at its place in axes of its own, along the line of sight, to the right and up.

    So its errors are those of range, azimuth and elevation, and its range rate is a velocity along the first axis.
    """
    z, var, n = rows.z[use], rows.var[use], len(use)
    elevation = z[:, 2] - REFRACTION * z[:, 0]
    sin_a, cos_a, sin_e, cos_e = np.sin(z[:, 1]), np.cos(z[:, 1]), np.sin(elevation), np.cos(elevation)
    axes = np.empty((n, 3, 3))
    axes[:, 0] = np.column_stack((cos_e * sin_a, cos_e * cos_a, sin_e))
    axes[:, 1] = np.column_stack((cos_a, -sin_a, np.zeros(n)))
    axes[:, 2] = np.column_stack((-sin_e * sin_a, -sin_e * cos_a, cos_e))
    axes = axes @ station.C[0]
    own, spread = np.full((n, 6), np.nan), np.ones((n, 6))
    own[:, :3], own[:, 3] = 0.0, z[:, 3]
    spread[:, 0], spread[:, 3] = var[:, 0], var[:, 3]
    spread[:, 1], spread[:, 2] = var[:, 1] * (z[:, 0] * cos_e) ** 2, var[:, 2] * z[:, 0] ** 2
    origin = rows.origin[0, :3] + z[:, :1] * axes[:, 0]
    return Rows(
        int(MeasurementKind.REPORT), own, spread, np.zeros(n, np.bool_), rows.t_ns[use], origin, axes, np.zeros(n),
        np.arange(n), use,
    )  # fmt: skip


class References:
    """K slots, one for each object that is followed; S sensors. ``load(dump())`` goes on exactly."""

    def __init__(self, stations: list[Station], k: int = REFERENCES_MOST) -> None:
        self._stations = stations
        self._slot_of: dict[str, int] = {}
        n = len(stations)
        self.t_ns = np.zeros(k, np.int64)  # newest report; 0: free
        self.x = np.zeros((k, 6))
        self.P = np.zeros((k, 6, 6))
        self.var = np.zeros((k, 3))  # of the newest report's place, m²
        self.n_seen = np.zeros(k, np.int64)
        # meetings: object and errors of the sensor in one state; 0 = none
        self.t_joint_ns = np.zeros((n, k), np.int64)
        self.t_start_ns = np.zeros((n, k), np.int64)
        self.x_joint = np.zeros((n, k, 6 + N_ERROR))
        self.P_joint = np.zeros((n, k, 6 + N_ERROR, 6 + N_ERROR))
        self.n_row = np.zeros((n, k), np.int64)
        self.n_report = np.zeros((n, k), np.int64)
        self.paired = np.zeros((n, k), np.bool_)  # the sensor has seen it since it was registered …
        self.unseen = np.zeros((n, k), np.int64)  # … and not in so many looks since

        # room for ``compare``: slot, row, residual, variance, ∂z/∂t, d²
        self._pairs = (
            np.empty(PAIRS_MOST, np.int64), np.empty(PAIRS_MOST, np.int64), np.empty((PAIRS_MOST, 3)),
            np.empty((PAIRS_MOST, 3)), np.empty((PAIRS_MOST, 3)), np.empty(PAIRS_MOST),
        )  # fmt: skip

    @property
    def any(self) -> bool:
        return bool(self._slot_of)

    def take_reports(self, rows: Rows, batch: MeasurementBatch) -> list[int]:
        """Rows of a cooperative sensor: those with an identity and a whole position. Returns newly given slots."""
        labels = batch.texts.get("identity")
        if labels is None or not self._stations:
            return []
        had = self._slot_of
        codes = labels.codes[rows.source]
        usable = (codes >= 0) & np.isfinite(rows.z[:, 0]) & np.isfinite(rows.z[:, 2]) & ~rows.weak_height
        usable[usable] = self._in_reach(rows.origin[usable])
        use = np.flatnonzero(usable)
        slots = np.array([self._slot(labels.names[codes[j]], int(rows.t_ns[j])) for j in use.tolist()], np.int64)
        use, slots = use[slots >= 0], slots[slots >= 0]
        changed = [k for name, k in self._slot_of.items() if had.get(name) != k]
        if not len(use):
            return changed
        self.var[slots] = rows.var[use, :3]
        self._follow(slots, use, rows)
        return changed

    def take_plots(self, station: Station, rows: Rows, row: Ints, numbers: Ints) -> None:
        """Plots ``row`` (of range, azimuth and elevation) of a radar, which surely are of the tracks ``numbers``."""
        row, numbers = alone(rows, row, numbers, 2 * len(self.t_ns))
        if not len(row):
            return
        known, t_ns = self._slot_of, int(rows.t_ns[row].max())
        room = int((self.t_ns < t_ns - FORGOTTEN_NS).sum())
        names = [str(n) for n in numbers.tolist()]
        fresh = [name for name in names if name not in known][:room]  # in order of the rows: the nearest first
        slots = {name: self._slot(name, t_ns) for name in names if name in known or name in fresh}
        at = [k for k, name in enumerate(names) if slots.get(name, -1) >= 0]
        if at:
            own = np.array([slots[names[k]] for k in at], np.int64)
            self._follow(own, np.arange(len(at)), places(station, rows, row[at]))

    def _follow(self, slots: Ints, use: Ints, rows: Rows) -> None:
        follow_reports(
            slots, use, rows.t_ns, rows.z, rows.var, rows.origin, rows.C, rows.height, Q_REFERENCE, VAR_VELOCITY,
            GATE_REPORT, self.t_ns, self.x, self.P, self.n_seen, self.t_joint_ns, self.x_joint, self.P_joint,
            self.n_report,
        )  # fmt: skip

    def _in_reach(self, place: Floats) -> NDArray[np.bool_]:
        near = np.zeros(len(place), np.bool_)
        for station in self._stations:
            near |= np.linalg.norm(place - station.origin[0], axis=1) <= station.limits[1]
        return near

    def _slot(self, name: str, t_ns: int) -> int:
        """The slot of an identity; a free one where it has none; −1 where all are in use."""
        if name in self._slot_of:
            return self._slot_of[name]
        free = np.flatnonzero(self.t_ns < t_ns - FORGOTTEN_NS)
        if not len(free):
            return -1
        slot = int(free[0])
        self._slot_of = {known: k for known, k in self._slot_of.items() if k != slot}
        self._slot_of[name] = slot
        self.t_ns[slot] = 0
        self.t_joint_ns[:, slot] = 0
        self.paired[:, slot] = False
        self.unseen[:, slot] = 0
        return slot

    def active(self, station: Station, t_ns: int) -> Ints:
        """Slots of references that are fresh and well within what the sensor covers."""
        return in_view(
            t_ns, self.t_ns, self.n_seen, self.x, REPORTS_LEAST, REFERENCE_AGE_NS, MARGIN_M, STEEPEST_RAD,
            station.limits, station.origin[0], station.C[0],
        )  # fmt: skip

    def compare(self, rows: Rows, active: Ints, beta: Floats, P_beta: Floats, wide: Floats) -> Pairs:
        """Rows near references in ``active`` for a sensor with errors β: within ``wide``, where it is 0 in the gate."""
        out = self._pairs
        n = compare(
            rows.kind, active, rows.t_ns, rows.z, rows.var, rows.origin[0], rows.C[0], rows.height[0], beta, P_beta,
            Q_REFERENCE, wide, GATE_PAIR, GATE_RATE, self.t_ns, self.x, self.P, *out,
        )  # fmt: skip
        return out[0][:n].copy(), out[1][:n].copy(), out[2][:n].copy(), out[3][:n].copy(), out[4][:n].copy()

    def expected(self, s: int, active: Ints, seen: Ints) -> tuple[int, int]:
        """How many of ``active`` the sensor should have seen in this look, and how many of these it saw.

        Only those it saw before, that move (who has landed is seen no more) and were not unseen for long (hidden).
        """
        velocity = self.x[active, 3:]
        moving = (velocity * velocity).sum(axis=1) > MOVING_MPS**2
        due = active[self.paired[s, active] & moving & (self.unseen[s, active] < UNSEEN_MOST)]
        is_seen = np.zeros(len(self.t_ns), np.bool_)
        is_seen[seen] = True
        came = is_seen[due]
        self.unseen[s, due[~came]] += 1
        self.unseen[s, seen] = 0
        self.paired[s, seen] = True
        return len(due), int(came.sum())

    def meet(self, s: int, rows: Rows, slot: Ints, row: Ints, centre: Floats) -> None:
        """Rows into the meetings of sensor ``s`` with the objects in ``slot``."""
        condition_pairs(
            rows.kind, slot, row, rows.t_ns, rows.z, rows.var, rows.origin[0], rows.C[0], rows.height[0], centre,
            VAR_DUMMY, Q_REFERENCE, self.t_ns, self.x, self.P, self.t_joint_ns[s], self.x_joint[s], self.P_joint[s],
            self.t_start_ns[s], self.n_row[s], self.n_report[s],
        )  # fmt: skip

    def ended(self, s: int, t_ns: int) -> list[int]:
        """Ends meetings that lasted long enough, or whose object fell silent; slots of those that taught something."""
        begun = self.t_joint_ns[s] > 0
        if not begun.any():
            return []
        silent = t_ns - self.t_ns > 2 * REFERENCE_AGE_NS
        over = begun & (silent | (t_ns - self.t_start_ns[s] > MEETING_NS))
        self.t_joint_ns[s, over] = 0
        return np.flatnonzero(over & (self.n_row[s] >= MEETING_ROWS) & (self.n_report[s] >= MEETING_REPORTS)).tolist()

    def said(self, s: int, k: int, centre: Floats) -> tuple[Floats, Floats]:
        """Information of the meeting in slot k on β, the dummy prior N(centre, VAR_DUMMY) taken off: J, y (J β = y).

        Zeros where its covariance cannot be inverted.
        """
        x, P, dummy = self.x_joint[s, k, 6:], self.P_joint[s, k, 6:, 6:].copy(), 1.0 / VAR_DUMMY
        if cholesky(P, np.zeros_like(P)) != OK:
            return np.zeros((N_ERROR, N_ERROR)), np.zeros(N_ERROR)
        P_inv = np.linalg.inv(P)
        return P_inv - np.diag(dummy), P_inv @ x - dummy * centre

    def forget_meetings(self, s: int) -> None:
        self.t_joint_ns[s] = 0
        self.paired[s] = False

    # -- keeping -----------------------------------------------------------------------------------------------

    OWN = ("t_ns", "x", "P", "var", "n_seen")
    SHARED = ("t_joint_ns", "t_start_ns", "x_joint", "P_joint", "n_row", "n_report", "paired", "unseen")

    def dump(self) -> dict[str, Any]:
        live = sorted(self._slot_of.values())
        columns = {name: getattr(self, name)[live].tobytes() for name in self.OWN}
        columns |= {name: getattr(self, name)[:, live].tobytes() for name in self.SHARED}
        return {"slots": list(self._slot_of.items()), "columns": columns}

    def load(self, saved: dict[str, Any]) -> None:
        self._slot_of = dict(saved["slots"])
        live = sorted(self._slot_of.values())
        for name in self.OWN + self.SHARED:
            column = getattr(self, name)
            column[...] = 0
            flat = np.frombuffer(saved["columns"][name], column.dtype)
            if name in self.OWN:
                column[live] = flat.reshape(len(live), *column.shape[1:])
            else:
                column[:, live] = flat.reshape(len(column), len(live), *column.shape[2:])
