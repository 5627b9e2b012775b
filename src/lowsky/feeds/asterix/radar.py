"""One radar: CAT048 target reports to RADAR batches, CAT034 markers to looks and coverage.

========  ================  =======================  ==============================================
Item      Field             On the wire              Here
========  ================  =======================  ==============================================
048/140   Time of Day       1/128 s since 00 UTC     ``t_meas_ns``, day from ``t_recv_ns`` (±12 h)
048/040   RHO               1/256 NM, slant          ``z[:, 0]`` m, slant
048/040   THETA             360°/2¹⁶ from north      ``z[:, 1]`` rad, [0, 2π)
048/120   CAL               1 m/s                    ``z[:, 3]`` m/s, positive opening, unless doubtful
048/020   TYP               0: nothing was detected  rejected: NOT_A_MEASUREMENT
048/020   RAB               fixed field monitor      rejected: NOT_A_MEASUREMENT
048/020   SIM, TST          1 bit each               rejected: SIMULATED
048/220   Aircraft Address  24 bit                   ``identity``
048/240   Aircraft Ident.   8 characters             ``callsign``
048/090   FL                1/4 FL, 14 bit           ``pressure_altitude_m`` where validated, not garbled
048/070   MODE3A            12 bit                   ``mode_3a`` where validated, not garbled
048/130   PAM, else SAM     1 dBm                    ``link_rssi_dbm``
048/161   TRN               12 bit                   ``track_number``, shown only
048/230   STAT              3 bit                    ``on_ground``
034/000   Message Type      1 north, 2 sector        next look, coverage
034/020   Sector            360°/256                 ``Coverage`` from the sector before
034/041   Rotation Period   1/128 s                  how far apart sectors can be
========  ================  =======================  ==============================================

048/090 is read as two's complement in every edition: the newest says so, the older leave the sign out of the
definition, and no aircraft flies above FL 2047.

Source: EUROCONTROL-SPEC-0149-4 (CAT048) and 0149-2b (CAT034) as written down in asterix-specs, incl. the note of
048/120, that the sign is the radar's own choice and opening the recommended one.
"""

import math
from collections import Counter

import numpy as np

from lowsky.constants import FOOT_M, SECOND_NS, TWO_PI
from lowsky.feeds.asterix.fields import TOD_END, Mask, Table, Verdict, addresses, callsigns, utc_ns
from lowsky.model.measurement import (
    Coverage,
    Floats,
    Ints,
    Labels,
    MeasurementBatch,
    MeasurementKind,
    Reject,
    empty_look,
)
from lowsky.model.site import Sensor

NORTH_MARKER, SECTOR_CROSSING = 1, 2
LONGEST_TURN_NS = 60 * SECOND_NS  # no surveillance radar turns slower; a longer gap is missing messages
WIDEST_STEP_RAD = math.pi / 2.0  # without a known period, a wider step between two sectors is missing messages
PERIOD_TOLERANCE = 0.25  # of a turn: how far a sector's time may be off what its angle says
LEVELS_M = 2.0**14 * 25.0 * FOOT_M  # what 14 bits of 25 ft count
ON_GROUND = np.array([0.0, 1.0, 0.0, 1.0, np.nan, np.nan, np.nan, np.nan])  # of 048/230 STAT


class Turn:
    """Where one radar's antenna is: counts looks, makes coverage of completed sectors. Fed in order of arrival."""

    def __init__(self, sensor: Sensor) -> None:
        self._sensor = sensor
        self.look = -1  # no north marker yet
        self.north_ns: int | None = None
        self._period_ns: int | None = None if sensor.look_period_s is None else round(sensor.look_period_s * SECOND_NS)
        self._sector: tuple[float, int] | None = None  # azimuth, time of the last crossing
        self._sectors_in_turn = 0

    def north(self, t_ns: int) -> MeasurementBatch | None:
        """A north marker: the next look begins. Coverage of the whole turn where the radar sends no sectors."""
        made = None
        if self.north_ns is not None and not self._sectors_in_turn and 0 < t_ns - self.north_ns <= LONGEST_TURN_NS:
            made = self._covered(self.north_ns, t_ns, 0.0, TWO_PI, self.look)
        if self.north_ns is None or t_ns > self.north_ns or self.north_ns - t_ns > LONGEST_TURN_NS:
            # the last: a clock that was set back, or one wrong marker, which must not stop the count for hours
            self.look += 1
            self.north_ns = t_ns
        self._sectors_in_turn = 0
        if self._sector is None:
            self._sector = (0.0, t_ns)  # a north marker is a crossing, too
        return made

    def sector(self, azimuth_rad: float, t_ns: int) -> MeasurementBatch | None:
        """A sector crossing: what lies between the one before and this one has been looked at."""
        before, self._sector = self._sector, (azimuth_rad, t_ns)
        self._sectors_in_turn += 1
        if before is None:
            return None
        step = (azimuth_rad - before[0]) % TWO_PI
        if step == 0.0 or not self._follows(step, t_ns - before[1]):
            return None
        look = self.look - 1 if self.north_ns is not None and before[1] < self.north_ns else self.look
        return self._covered(before[1], t_ns, before[0], before[0] + step, max(look, -1))

    def rotation(self, period_ns: int) -> None:
        if 0 < period_ns <= LONGEST_TURN_NS:
            self._period_ns = period_ns

    def _follows(self, step_rad: float, dt_ns: int) -> bool:
        if self._period_ns is None:
            return 0 < dt_ns <= LONGEST_TURN_NS / 4 and step_rad <= WIDEST_STEP_RAD
        return dt_ns > 0 and abs(dt_ns / self._period_ns - step_rad / TWO_PI) <= PERIOD_TOLERANCE

    def _covered(self, t_from: int, t_to: int, az_from: float, az_to: float, look: int) -> MeasurementBatch:
        s = self._sensor
        where = Coverage(t_from, t_to, s.min_range_m, s.max_range_m, az_from, az_to, *s.elevation_rad)
        return empty_look(s.id, MeasurementKind.RADAR, look, where)


def looks(table: Table, turn: Turn, t_recv_ns: int) -> list[MeasurementBatch]:
    """CAT034 records into ``turn``; the coverage they complete. No record is a measurement."""
    made = []
    raw = zip(*(table.raw(name).tolist() for name in ("000", "020", "030", "041")))
    for kind, sector, tod, period in raw:
        if not 0 <= tod < TOD_END:
            continue
        t_ns = int(utc_ns(np.array([tod]), t_recv_ns)[0])
        if period > 0:
            turn.rotation(period * SECOND_NS // 128)
        batch = None
        if kind == NORTH_MARKER:
            batch = turn.north(t_ns)
        elif kind == SECTOR_CROSSING and sector >= 0:
            batch = turn.sector(sector * (TWO_PI / 256.0), t_ns)
        if batch is not None:
            made.append(batch)
    return made


def plots(
    table: Table, turn: Turn, sensor: Sensor, t_recv_ns: int, sign: float, verdict: Verdict
) -> tuple[list[MeasurementBatch], Counter[Reject]]:
    """CAT048 records as RADAR batches: one, or two where rows belong to the look before the newest north marker.

    ``sign`` is 1 where a positive Doppler speed of this radar is opening, else -1. ``verdict`` may have rows
    rejected already. Σ rows of the batches + Σ rejected = rows of ``table``.
    """
    tod, rho = table.raw("140"), table.raw("040/RHO")
    verdict.reject(table.is_set("020/SIM") | table.is_set("020/TST"), Reject.SIMULATED)
    verdict.reject((table.raw("020/TYP") == 0) | table.is_set("020/RAB"), Reject.NOT_A_MEASUREMENT)
    verdict.reject(~table.has("140"), Reject.NO_TIME)
    verdict.reject(~table.has("040/RHO"), Reject.NO_POSITION)
    verdict.reject((tod >= TOD_END) | (rho == 0), Reject.OUT_OF_RANGE)
    kept = table.take(verdict.good())
    if not len(kept):
        return [], verdict.counted()
    # a plot seen before the newest north marker belongs to the look before it, however late it comes
    t_ns = utc_ns(kept.raw("140"), t_recv_ns)
    if turn.north_ns is None or t_ns.min() >= turn.north_ns:
        return [_batch(kept, sensor, t_ns, t_recv_ns, sign, turn.look)], verdict.counted()
    early = t_ns < turn.north_ns
    parts = ((early, max(turn.look - 1, -1)), (~early, turn.look))
    made = [_batch(kept.take(rows), sensor, t_ns[rows], t_recv_ns, sign, look) for rows, look in parts if rows.any()]
    return made, verdict.counted()


def _batch(table: Table, sensor: Sensor, t_ns: Ints, t_recv_ns: int, sign: float, look: int) -> MeasurementBatch:
    n = len(table)
    z = np.full((n, 4), np.nan)
    z[:, 0] = table.si("040/RHO")
    z[:, 1] = table.si("040/THETA")
    if table.sent("120/CAL/CAL"):
        z[:, 3] = np.where(table.raw("120/CAL/D") == 0, sign * table.si("120/CAL/CAL"), np.nan)
    texts = {}
    if table.sent("220"):
        texts["identity"] = Labels.of(addresses(table.raw("220")))
    if table.sent("240"):
        texts["callsign"] = Labels.of(callsigns(table.raw("240")))
    return MeasurementBatch(
        sensor.id,
        MeasurementKind.RADAR,
        t_meas_ns=t_ns,
        t_recv_ns=np.full(n, t_recv_ns, np.int64),
        z=z,
        sigma=np.full((n, 4), np.nan),  # CAT048 carries none: the site file's
        look=look,
        attributes=_attributes(table),
        texts={name: labels for name, labels in texts.items() if labels.names},
    )


def _attributes(table: Table) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    if table.sent("090/FL"):
        level = table.si("090/FL")
        level = np.where(level >= LEVELS_M / 2.0, level - LEVELS_M, level)
        found["pressure_altitude_m"] = np.where(_trusted(table, "090"), level, np.nan)
    if table.sent("070/MODE3A"):
        found["mode_3a"] = np.where(_trusted(table, "070"), table.si("070/MODE3A"), np.nan)
    if table.sent("161/TRN"):
        found["track_number"] = table.si("161/TRN")
    if table.sent("130/PAM") or table.sent("130/SAM"):
        received = table.si("130/PAM")
        found["link_rssi_dbm"] = np.where(np.isnan(received), table.si("130/SAM"), received)
    if table.sent("230/STAT"):
        stat = table.raw("230/STAT")
        found["on_ground"] = np.where(stat >= 0, ON_GROUND[stat & 7], np.nan)
    return {name: values for name, values in found.items() if not np.isnan(values).all()}


def _trusted(table: Table, item: str) -> Mask:
    """Where the radar says the code is validated and not garbled."""
    trusted: Mask = (table.raw(f"{item}/V") == 0) & (table.raw(f"{item}/G") == 0)
    return trusted
