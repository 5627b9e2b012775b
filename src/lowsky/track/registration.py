"""How far is each sensor off? Learnt from what objects that report themselves say, and taken off its rows.

Where nobody reports, one radar's plots of objects that surely are there take the place of reports: the errors of the
others are then relative to it, so that all show an object in one place, be it a wrong one.

reports ─▶ references ─▶ residuals ─▶ vote ─▶ pairs ─▶ meetings ─▶ estimate ─▶ correction
           followed by    of every     what    one row   object, sensor,  β and its   of its rows
           reports alone  row near     most    each      15 s: one        covariance
                                       agree on          equation for β
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.registration import AZIMUTH, EAST, ELEVATION, N_ERROR, NORTH, RANGE, TIME
from lowsky.model.measurement import Floats, Ints, MeasurementBatch, MeasurementKind
from lowsky.model.status import Registered
from lowsky.track.references import Pairs, References
from lowsky.track.rows import Rows, Station
from lowsky.track.sensor_errors import MEETINGS_LEAST, WIDE, SensorErrors
from lowsky.track.settings import TrackerSettings

ASTRAY_NS = 60_000_000_000  # after it a sensor that cannot be registered is believed again: better than none
COMMON_EVIDENCE = 10.8  # χ² of 1, 0.999
COMMON_SPREAD = 3.8  # χ² of 1, 0.95
BEARING_MOST = 22.5  # χ² of 6, 0.999, of the errors of a bearing sensor by what is expected beforehand: beyond it the
# pairs were others' bearings, not the sensor's error
OBSERVABLE = 0.5  # σ over that of what was expected beforehand; above it nothing was learnt
NARROW = np.zeros(3)
NOTHING, NOTHING_P = np.zeros(N_ERROR), np.zeros((N_ERROR, N_ERROR))


class Registration:
    """Errors of every radar and bearing sensor of a site. Deterministic; all of its state is in ``dump``."""

    def __init__(self, stations: list[Station], settings: TrackerSettings) -> None:
        self._stations = [s for s in stations if s.kind != MeasurementKind.REPORT]
        self._of = {s.sensor.id: k for k, s in enumerate(self._stations)}
        self._settings = settings
        self._P_prior = self.P_expected = np.diag(np.array(settings.registration_sigma) ** 2)
        self._J_prior = np.diag(1.0 / np.array(settings.registration_sigma) ** 2)
        self._references = References(self._stations)
        self._anchors = anchors_of(self._stations)
        self._anchor_at = 0
        # of each sensor's sure plots, the share on tracks that another radar feeds, too; a mean of some ten looks
        self._shared = np.full(len(self._stations), 0.5)
        self._plotted = References(self._stations, settings.plotted_most)
        self._errors = [SensorErrors(P=self._P_prior.copy()) for _ in self._stations]
        self.reports_behind_s = 0.0  # what the stamps of reports lack, as far as all sensors agree on it

    @property
    def _anchor(self) -> Station | None:
        return self._anchors[self._anchor_at] if self._anchors else None

    def errors(self, sensor: str) -> SensorErrors | None:
        """What is known of a radar's or bearing sensor's errors. To be read only."""
        at = self._of.get(sensor)
        return None if at is None else self._errors[at]

    def told(self, sensor: str) -> Registered | None:
        """The errors of a sensor with their uncertainty, for people; None where nothing is known."""
        errors = self.errors(sensor)
        if errors is None or errors.meetings < MEETINGS_LEAST:
            return None
        sigma, prior = np.sqrt(np.diag(errors.P)), np.sqrt(np.diag(self._P_prior))
        pairs = [
            (float(b), float(s)) if s < OBSERVABLE * p else None
            for b, s, p in zip(self._own(errors), sigma, prior, strict=True)
        ]
        return Registered(
            corrected=errors.applied, range_m=pairs[RANGE], azimuth_rad=pairs[AZIMUTH], elevation_rad=pairs[ELEVATION],
            time_s=pairs[TIME], east_m=pairs[EAST], north_m=pairs[NORTH], relative_to=errors.relative_to or None,
        )  # fmt: skip

    def take_reports(self, rows: Rows, batch: MeasurementBatch) -> None:
        for slot in self._references.take_reports(rows, batch):
            for errors in self._errors:
                errors.forget(slot)

    def take_look(self, station: Station, rows: Rows) -> None:
        """Learn from a look's rows, as the sensor stated them."""
        if not (self._references.any or self._plotted.any) or not len(rows):
            return
        s, t_ns = self._of[station.sensor.id], int(rows.t_ns[-1])
        references, active = self._to_compare(s, station, t_ns)
        if len(active):
            self._errors[s].look += 1
            if self._errors[s].found:
                self._pair(s, references, station, rows, active)
            else:
                self._seek(s, references, station, rows, active)
        self._learn(s, references, station, t_ns)

    def _to_compare(self, s: int, station: Station, t_ns: int) -> tuple[References, Ints]:
        """Objects a sensor should see now: those that report themselves, or, where none ever did, the anchor's."""
        errors = self._errors[s]
        active = self._references.active(station, t_ns)
        if len(active) and errors.relative_to:  # from now on the truth is known
            self._errors[s] = SensorErrors(P=self._P_prior.copy(), look=errors.look)
            self._plotted.forget_meetings(s)
        by_reports = len(active) > 0 or station is self._anchor or (errors.found and not errors.relative_to)
        if by_reports or station.kind != MeasurementKind.RADAR:  # bearings of others agree with plots by chance
            return self._references, active
        active = self._plotted.active(station, t_ns) if self._plotted.any else active
        if len(active) and self._anchor is not None and not errors.relative_to:
            self._errors[s] = SensorErrors(P=self._P_prior.copy(), look=errors.look)
            self._errors[s].relative_to = self._anchor.sensor.id
        return self._plotted, active

    def take_plots(self, station: Station, rows: Rows, row: Ints, numbers: Ints, is_shared: NDArray[np.bool_]) -> None:
        """Corrected rows of a radar's look which surely are plots of tracks with these ``numbers``, and whether another
        radar feeds the track, too."""
        if not len(row) or not self._anchors:
            return
        s = self._of[station.sensor.id]
        self._shared[s] += self._settings.shared_learns * (float(is_shared.mean()) - self._shared[s])
        if len(self._anchors) > 2:
            self._choose_anchor()
        if station is self._anchor:
            whole = np.isfinite(rows.z[row, 2])
            self._plotted.take_plots(station, rows, row[whole], numbers[whole])

    def agrees(self, station: Station) -> bool:
        """Are most of a radar's sure tracks other radars', too? Then it is registered well enough to be compared."""
        return bool(self._shared[self._of[station.sensor.id]] > self._settings.shared_agree)

    def _seek(self, s: int, references: References, station: Station, rows: Rows, active: Ints) -> None:
        errors = self._errors[s]
        pairs = references.compare(rows, active, NOTHING, NOTHING_P, WIDE)
        candidates = np.hstack((*pairs[2:], shifts(station, rows, pairs)))
        who = np.column_stack((np.full(len(candidates), errors.look), rows.t_ns[pairs[1]], pairs[0]))
        order = np.lexsort((pairs[1], pairs[0]))
        clock_sigma_s = 0.0 if errors.relative_to else self._settings.report_clock_sigma_s
        if errors.seek(int(rows.t_ns[-1]), active, who[order], candidates[order], station.p_detect, clock_sigma_s):
            errors.solve(self._J_prior)

    def _pair(self, s: int, references: References, station: Station, rows: Rows, active: Ints) -> None:
        """Pairs nobody else competes for go to their meetings; too few of them for too long: it is sought again."""
        errors = self._errors[s]
        slot, row, _, _, _ = references.compare(rows, active, errors.beta, errors.P, NARROW)
        expected, came = references.expected(s, active, slot)
        if errors.missing(expected, came, station.p_detect):
            self._lose(s, references, int(rows.t_ns[-1]))
            return
        alone = np.bincount(slot)[slot] == 1
        alone &= np.bincount(row, minlength=len(rows))[row] == 1
        if alone.any():
            references.meet(s, rows, slot[alone], row[alone], errors.centre)

    def _lose(self, s: int, references: References, t_ns: int) -> None:
        """What was learnt holds no more. Where plots told it and nothing was taken off, that is no fault of its own."""
        old = self._errors[s]
        new = SensorErrors(P=self._P_prior.copy(), look=old.look, lost=old.lost, relative_to=old.relative_to)
        if old.applied or not old.relative_to:
            new.lost, new.t_lost_ns = old.lost + 1, t_ns
        self._errors[s] = new
        references.forget_meetings(s)

    def _learn(self, s: int, references: References, station: Station, t_ns: int) -> None:
        errors = self._errors[s]
        ended = references.ended(s, t_ns)
        for k in ended:
            J, y = references.said(s, k, errors.centre)
            nothing = np.zeros((N_ERROR, N_ERROR))
            lasting = (nothing, nothing) if errors.relative_to else self._lasting(station, k)
            if not errors.learn(k, J, y, *lasting):
                self._lose(s, references, t_ns)
                return
        if ended:
            errors.fade(t_ns, self._settings.registration_lasts_s)
            errors.solve(self._J_prior)
            most = BEARING_MOST if station.kind == MeasurementKind.BEARING else np.inf
            errors.judge(self._J_prior, self._matters(station), most)
            absolute = [e for e in self._errors if e.meetings >= MEETINGS_LEAST and not e.relative_to]
            self.reports_behind_s = common_clock_s(absolute)

    def _choose_anchor(self) -> None:
        """Of three radars one that is off has tracks of its own, and the two that agree share theirs: then one of these
        is the anchor. What was learnt relative to the other is forgotten."""
        shared = [self._shared[self._of[station.sensor.id]] for station in self._anchors]
        best = int(np.argmax(shared))
        if shared[self._anchor_at] > self._settings.shared_least or shared[best] < self._settings.shared_most:
            return
        self._anchor_at = best
        for s, errors in enumerate(self._errors):
            if errors.relative_to:
                self._errors[s] = SensorErrors(P=self._P_prior.copy(), look=errors.look)
        self._plotted = References(self._stations, self._settings.plotted_most)

    def _matters(self, station: Station) -> Floats:
        """Errors smaller than this, float64[6], hardly move a row within its own noise."""
        sigma = station.sigma if station.kind == MeasurementKind.RADAR else np.array([np.inf, *station.sigma[:2]])
        return np.array([*sigma[:3], *self._settings.relative_matters])

    def _lasting(self, station: Station, k: int) -> tuple[Floats, Floats]:
        """M: what a constant error of object k's reports, in place and in its clock, looks like to the sensor: as if it
        stood elsewhere, wherever the object flies; a wrong height, as seen from here now. The same of one that lasts
        for a meeting only: as if it measured wrong."""
        d = station.C[0] @ (self._references.x[k, :3] - station.origin[0])
        rho = max(float(np.hypot(d[0], d[1])), 1.0)
        r = max(float(np.linalg.norm(d)), 1.0)
        of_up = np.array([d[2] / r, 0.0, rho / (r * r)])
        var = self._settings.report_error_lasts * self._references.var[k]
        M = np.zeros((N_ERROR, N_ERROR))
        M[:3, :3] = var[2] * np.outer(of_up, of_up)
        M[EAST, EAST], M[NORTH, NORTH] = var[0], var[1]
        M[TIME, TIME] = self._settings.report_clock_sigma_s**2
        if station.kind == MeasurementKind.BEARING:
            # one façade lasts for a meeting and comes again where the object does: not noise that averages out
            share, times = station.tells[0, 6:8]
            for a, at in enumerate((AZIMUTH, ELEVATION)):
                M[at, at] += share * (times * station.sigma[a]) ** 2
        level = max(var[0], var[1])
        return M, M + np.diag([level, level / rho**2, level / r**2, 0.0, 0.0, 0.0])

    # -- corrections -------------------------------------------------------------------------------------------

    def corrected(self, station: Station, rows: Rows) -> Rows:
        """The same rows without the errors that are known; the same object where nothing is."""
        beta = self.correction(station.sensor.id)
        if not beta.any():
            return rows
        z = rows.z.copy()
        if rows.kind == MeasurementKind.RADAR:
            z[:, :3] -= beta[: ELEVATION + 1]
        else:
            z[:, :2] -= beta[1 : ELEVATION + 1]
        origin = rows.origin.copy()
        origin[:, :2] -= beta[EAST], beta[NORTH]
        return replace(rows, z=z, t_ns=rows.t_ns - self.clock_ns(station), origin=origin)

    def is_astray(self, station: Station, now_ns: int) -> bool:
        """It was lost a short while ago and not found since: nobody knows where its rows lie."""
        errors = self.errors(station.sensor.id)
        if errors is None or errors.found or not errors.lost:
            return False
        return now_ns - errors.t_lost_ns < ASTRAY_NS

    def clock_ns(self, station: Station) -> int:
        """What its clock is ahead by; 0 where that is not known."""
        return round(float(self.correction(station.sensor.id)[TIME]) * 1e9)

    def correction(self, sensor: str) -> Floats:
        """β as it is taken off the sensor's rows; zeros where nothing is."""
        errors = self.errors(sensor)
        return self._own(errors) if errors is not None and errors.applied else NOTHING

    def _own(self, errors: SensorErrors) -> Floats:
        """β without what is the reports' own fault."""
        beta = errors.beta.copy()
        beta[TIME] -= 0.0 if errors.relative_to else self.reports_behind_s
        return beta

    def reports_corrected(self, rows: Rows) -> Rows:
        """Reports with the clock that all sensors agree on."""
        if not self.reports_behind_s:
            return rows
        return replace(rows, t_ns=rows.t_ns + round(self.reports_behind_s * 1e9))

    # -- keeping -----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        return {
            "references": self._references.dump(),
            "plotted": self._plotted.dump(),
            "anchor": self._anchor_at,
            "shared": self._shared.tolist(),
            "errors": [e.dump() for e in self._errors],
            "reports_behind_s": self.reports_behind_s,
        }

    def load(self, saved: dict[str, Any]) -> None:
        self._references.load(saved["references"])
        self._plotted.load(saved["plotted"])
        self._anchor_at, self._shared = saved["anchor"], np.array(saved["shared"], np.float64)
        for errors, parts in zip(self._errors, saved["errors"], strict=True):
            errors.load(parts)
        self.reports_behind_s = saved["reports_behind_s"]


def anchors_of(stations: list[Station]) -> list[Station]:
    """Radars that the others may be compared with where nobody reports himself: they measure range, azimuth and
    elevation. Best angles first, as the site file has them where these are equal. None where one were alone."""
    whole = [
        s
        for s in stations
        if s.kind == MeasurementKind.RADAR and s.sensor.sigma_range_m and s.sensor.sigma_elevation_rad is not None
    ]
    return sorted(whole, key=lambda s: float(s.sigma[1] * s.sigma[2])) if len(stations) > 1 else []


def common_clock_s(errors: list[SensorErrors]) -> float:
    """What two or more sensors' clocks have in common, which is then the reports' fault: b_t of all, s; 0 where none.

    Clocks of sensors that never heard of each other are not wrong by the same time. Weighted mean of b_t, where it
    differs from 0 and the sensors do not differ from it; of a single sensor nobody knows whose clock it is.
    """
    if len(errors) < 2:
        return 0.0
    b = np.array([e.beta[TIME] for e in errors])
    weight = 1.0 / np.array([e.P[TIME, TIME] for e in errors])
    mean = float((weight * b).sum() / weight.sum())
    spread = weight * (b - mean) ** 2
    is_common = spread.max() < COMMON_SPREAD and mean * mean * weight.sum() > COMMON_EVIDENCE
    # each of them alone must say so, or one sure sensor would speak for one that knows nothing
    return mean if is_common and (weight * b * b).min() > COMMON_SPREAD else 0.0


def shifts(station: Station, rows: Rows, pairs: Pairs) -> Floats:
    """Of E pairs, where the row lies from its reference in the site's axes, m, and its variances, m²: float64[E, 6].

    NaN without range or elevation. If the sensor was moved, this is the same for all: what it states of its place minus
    the truth.
    """
    _, row, nu, _, _ = pairs
    out = np.full((len(row), 6), np.nan)
    if rows.kind == MeasurementKind.RADAR:
        z, var = rows.z[row, :3], rows.var[row, :3]
        out[:, :3] = (_local(z) - _local(z - nu)) @ station.C[0]
        across = z[:, 0] ** 2
        out[:, 3:5] = (var[:, 0] + across * var[:, 1])[:, None]
        out[:, 5] = var[:, 0] + across * var[:, 2]
    return out


def _local(z: Floats) -> Floats:
    """East, north, up of range, azimuth and elevation, float64[E, 3] both; refraction cancels in differences."""
    level = z[:, 0] * np.cos(z[:, 2])
    return np.column_stack((level * np.sin(z[:, 1]), level * np.cos(z[:, 1]), z[:, 0] * np.sin(z[:, 2])))
