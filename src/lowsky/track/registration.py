"""How far is each sensor off? Learnt from what objects that report themselves say, and taken off its rows.

reports ─▶ references ─▶ residuals ─▶ vote ─▶ pairs ─▶ meetings ─▶ estimate ─▶ correction
           followed by    of every     what    one row   object, sensor,  β and its   of its rows
           reports alone  row near     most    each      15 s: one        covariance
                                       agree on          equation for β
"""

from dataclasses import replace
from typing import Any

import numpy as np

from lowsky.kernels.registration import EAST, ELEVATION, N_ERROR, NORTH, TIME
from lowsky.model.measurement import Floats, Ints, MeasurementBatch, MeasurementKind
from lowsky.track.references import REFERENCES_MOST, References
from lowsky.track.rows import Rows, Station
from lowsky.track.sensor_errors import WIDE, SensorErrors
from lowsky.track.settings import TrackerSettings

NARROW = np.zeros(3)
NOTHING, NOTHING_P = np.zeros(N_ERROR), np.zeros((N_ERROR, N_ERROR))


class Registration:
    """Errors of every radar and bearing sensor of a site. Deterministic; all of its state is in ``dump``."""

    def __init__(self, stations: list[Station], settings: TrackerSettings) -> None:
        self._stations = [s for s in stations if s.kind != MeasurementKind.REPORT]
        self._of = {s.sensor.id: k for k, s in enumerate(self._stations)}
        self._settings = settings
        self._P_prior = np.diag(np.array(settings.registration_sigma) ** 2)
        self._J_prior = np.diag(1.0 / np.array(settings.registration_sigma) ** 2)
        self._references = References(self._stations)
        self._errors = [SensorErrors(P=self._P_prior.copy()) for _ in self._stations]

    def errors(self, sensor: str) -> SensorErrors | None:
        """What is known of a radar's or bearing sensor's errors. To be read only."""
        at = self._of.get(sensor)
        return None if at is None else self._errors[at]

    def take_reports(self, rows: Rows, batch: MeasurementBatch) -> None:
        self._references.take_reports(rows, batch)

    def take_look(self, station: Station, rows: Rows) -> None:
        """Learn from a look's rows, as the sensor stated them."""
        if not self._references.any or not len(rows):
            return
        s = self._of[station.sensor.id]
        t_ns = int(rows.t_ns[-1])
        active = self._references.active(station, t_ns)
        if len(active):
            self._errors[s].look += 1
            if self._errors[s].found:
                self._pair(s, station, rows, active)
            else:
                self._seek(s, station, rows, active)
        self._learn(s, station, t_ns)

    def _seek(self, s: int, station: Station, rows: Rows, active: Ints) -> None:
        errors = self._errors[s]
        pairs = self._references.compare(rows, active, NOTHING, NOTHING_P, WIDE)
        if errors.seek(int(rows.t_ns[-1]), rows.t_ns, active, pairs, station.p_detect):
            errors.solve(self._J_prior)

    def _pair(self, s: int, station: Station, rows: Rows, active: Ints) -> None:
        """Pairs nobody else competes for go to their meetings; too few of them for too long: it is sought again."""
        errors, references = self._errors[s], self._references
        slot, row, _, _, _ = references.compare(rows, active, errors.beta, errors.P, NARROW)
        expected = active[references.paired[s, active]]
        if errors.missing(len(expected), int(np.isin(expected, slot).sum()), station.p_detect):
            self._lose(s)
            return
        references.paired[s, slot] = True
        alone = np.bincount(slot, minlength=REFERENCES_MOST)[slot] == 1
        alone &= np.bincount(row, minlength=len(rows))[row] == 1
        if alone.any():
            references.meet(s, rows, slot[alone], row[alone], errors.centre)

    def _lose(self, s: int) -> None:
        """What was learnt holds no more."""
        old = self._errors[s]
        self._errors[s] = SensorErrors(P=self._P_prior.copy(), look=old.look, lost=old.lost + 1)
        self._references.forget_meetings(s)

    def _learn(self, s: int, station: Station, t_ns: int) -> None:
        errors = self._errors[s]
        ended = self._references.ended(s, t_ns)
        for k in ended:
            J, y = self._references.said(s, k, errors.centre)
            if not errors.learn(J, y, self._lasting(station, k)):
                self._lose(s)
                return
        if ended:
            errors.fade(t_ns, self._settings.registration_lasts_s)
            errors.solve(self._J_prior)
            errors.judge()

    def _lasting(self, station: Station, k: int) -> Floats:
        """M: what a constant error of object k's reports, in place and in its clock, looks like to the sensor."""
        d = station.C[0] @ (self._references.x[k, :3] - station.origin[0])
        rho = max(float(np.hypot(d[0], d[1])), 1.0)
        r = max(float(np.linalg.norm(d)), 1.0)
        A = np.array(
            [
                d / r,
                [d[1] / rho**2, -d[0] / rho**2, 0.0],
                [-d[0] * d[2] / (r * r * rho), -d[1] * d[2] / (r * r * rho), rho / (r * r)],
            ]
        )
        M = np.zeros((N_ERROR, N_ERROR))
        M[:3, :3] = A @ np.diag(self._settings.report_error_lasts * self._references.var[k]) @ A.T
        M[TIME, TIME] = self._settings.report_clock_sigma_s**2
        return M

    # -- corrections -------------------------------------------------------------------------------------------

    def corrected(self, station: Station, rows: Rows) -> Rows:
        """The same rows without the errors that are known; the same object where nothing is."""
        errors = self.errors(station.sensor.id)
        if errors is None or not errors.applied:
            return rows
        beta, z = errors.beta, rows.z.copy()
        if rows.kind == MeasurementKind.RADAR:
            z[:, :3] -= beta[: ELEVATION + 1]
        else:
            z[:, :2] -= beta[1 : ELEVATION + 1]
        origin = rows.origin - np.array([beta[EAST], beta[NORTH], 0.0])
        return replace(rows, z=z, t_ns=rows.t_ns - self.clock_ns(station), origin=origin)

    def clock_ns(self, station: Station) -> int:
        """What its clock is ahead by; 0 where that is not known."""
        errors = self.errors(station.sensor.id)
        return round(float(errors.beta[TIME]) * 1e9) if errors is not None and errors.applied else 0

    # -- keeping -----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        return {"references": self._references.dump(), "errors": [e.dump() for e in self._errors]}

    def load(self, saved: dict[str, Any]) -> None:
        self._references.load(saved["references"])
        for errors, parts in zip(self._errors, saved["errors"], strict=True):
            errors.load(parts)
