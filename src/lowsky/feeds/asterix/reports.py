"""Positions somebody else made: CAT062 system tracks and CAT021 ADS-B reports to REPORT batches.

========  =====================  ========================  ===================================================
Item      Field                  On the wire               Here
========  =====================  ========================  ===================================================
062/070   Time of Track          1/128 s since 00 UTC      ``t_meas_ns``, day from ``t_recv_ns`` (±12 h)
062/105   LAT, LON               180°/2²⁵, WGS-84          ``z[:, 0:2]`` rad
062/130   Geometric Altitude     6.25 ft, WGS-84           ``z[:, 2]`` m
062/185   VX, VY                 0.25 m/s; y is true north ``z[:, 3:5]`` m/s east, north
062/220   Rate of Climb          6.25 ft/min               ``z[:, 5]`` m/s
062/500   APW, else APC; AGA,    180°/2²⁵ or 0.5 m;        ``sigma``; the site file's where not sent
          ATV, ARC               6.25 ft; 0.25 m/s; …
062/080   SIM                    1 bit                     rejected: SIMULATED
062/080   TSE, CST               end of track, coasted     rejected: NOT_A_MEASUREMENT
062/380   ADR                    24 bit                    ``identity``
062/380   ID, else 062/245       8 characters              ``callsign``
062/040   Track Number           16 bit                    ``track_number``
062/136   Flight Level           1/4 FL                    ``pressure_altitude_m``; ``z[:, 2]`` ± 150 m where 130
                                                           is not sent
062/060   MODE3A                 12 bit                    ``mode_3a`` where validated, not garbled
021/071   Time of Applicability  1/128 s; else 073, 077    ``t_meas_ns``; in editions 0.2x 030
021/131   high-resolution, 130   degrees, WGS-84           ``z[:, 0:2]`` rad
021/140   Geometric Height       6.25 ft                   ``z[:, 2]`` m; the largest value says "more": NaN
021/160   GS, TA                 NM/s, 360°/2¹⁶            ``z[:, 3:5]`` m/s east, north
021/157   Geometric Rate, 155    6.25 ft/min               ``z[:, 5]`` m/s
021/090   NACp, NACv, GVA        categories                ``sigma`` and ``nac_p``, ``nac_v``
021/090   NIC, SIL               categories                ``nic`` (not where 210 says version 0), ``sil``
021/040   SIM, TST               1 bit each                rejected: SIMULATED
021/040   RAB                    fixed field monitor       rejected: NOT_A_MEASUREMENT
021/040   GBS                    1 bit                     ``on_ground``
021/080   Target Address         24 bit                    ``identity`` where 040 ATP says it is its own
021/145   Flight Level           1/4 FL                    ``pressure_altitude_m``; ``z[:, 2]`` ± 150 m where 140
                                                           is not sent
021/170   Target Identification  8 characters              ``callsign``
021/132   Message Amplitude      1 dBm                     ``link_rssi_dbm``
========  =====================  ========================  ===================================================

Heights and levels outside the range the standard gives them (−1500 to 150 000 ft) are left out, as is a value with
its range-exceeded bit (RE) set. Latitude, longitude and time were checked by the decoder.

Source: EUROCONTROL-SPEC-0149-9 (CAT062) and 0149-12 (CAT021) as written down in asterix-specs; what the categories
mean in metres: ``lowsky.wire.adsb.integrity``.
"""

from collections import Counter

import numpy as np

from lowsky.constants import EARTH_MEAN_RADIUS_M
from lowsky.feeds.asterix.fields import HEIGHTS_M, LEVELS_M, Table, Verdict, addresses, callsigns, utc_ns, within
from lowsky.geo.height import SIGMA_PRESSURE_ALTITUDE_M
from lowsky.model.measurement import Floats, Ints, Labels, MeasurementBatch, MeasurementKind, Reject
from lowsky.wire.adsb.integrity import (
    EPU_M,
    GVA_95_M,
    SIGMA_PER_95_LINE,
    SIGMA_PER_95_PLANE,
    VELOCITY_95_MPS,
    VERTICAL_RATE_95_MPS,
)

FIRST_MODERN = 2  # edition 2.x: another item order, other codes of 040 ATP
OWN_ADDRESS = {True: (0, 2), False: (1, 2)}  # ATP by is_modern: ICAO address, surface vehicle


def tracks(
    table: Table, sensor: str, t_recv_ns: int, verdict: Verdict
) -> tuple[list[MeasurementBatch], Counter[Reject]]:
    """CAT062 records as one REPORT batch. ``verdict`` may have rows rejected already."""
    verdict.reject(table.is_set("080/SIM"), Reject.SIMULATED)
    verdict.reject(table.is_set("080/TSE") | table.is_set("080/CST"), Reject.NOT_A_MEASUREMENT)
    verdict.reject(~table.has("105/LAT"), Reject.NO_POSITION)
    kept = table.take(verdict.good())
    if not len(kept):
        return [], verdict.counted()
    z = np.column_stack([kept.si(name) for name in ("105/LAT", "105/LON", "130", "185/VX", "185/VY", "220")])
    z[:, 2] = within(z[:, 2], HEIGHTS_M)
    level = within(kept.si("136"), LEVELS_M)
    sigma = _track_sigma(kept, z[:, 0])
    _fill_height(z, sigma, level)
    trusted = (kept.raw("060/V") <= 0) & (kept.raw("060/G") <= 0)  # edition 1.16 has neither bit
    attributes = {
        "pressure_altitude_m": level,
        "track_number": kept.si("040"),
        "mode_3a": np.where(trusted, kept.si("060/MODE3A"), np.nan),
        "on_ground": kept.si("080/SFC"),
    }
    texts = {
        "identity": addresses(kept.raw("380/ADR")),
        "callsign": callsigns(kept.raw("380/ID"), kept.raw("245/CHR")),
    }
    batch = _batch(sensor, kept.raw("070"), t_recv_ns, z, sigma, attributes, texts)
    return [batch], verdict.counted()


def _track_sigma(table: Table, latitude_rad: Floats) -> Floats:
    """1σ of CAT062/500; a 0 there is "not known", not "perfect"."""
    east = EARTH_MEAN_RADIUS_M * np.cos(latitude_rad) * table.si("500/APW/LON")
    north = EARTH_MEAN_RADIUS_M * table.si("500/APW/LAT")
    sigma = np.column_stack(
        (
            np.where(np.isnan(east), table.si("500/APC/X"), east),
            np.where(np.isnan(north), table.si("500/APC/Y"), north),
            table.si("500/AGA"),
            table.si("500/ATV/X"),
            table.si("500/ATV/Y"),
            table.si("500/ARC"),
        )
    )
    sigma[sigma <= 0.0] = np.nan
    return sigma


def adsb(
    table: Table, sensor: str, t_recv_ns: int, is_modern: bool, verdict: Verdict
) -> tuple[list[MeasurementBatch], Counter[Reject]]:
    """CAT021 records as one REPORT batch. ``verdict`` may have rows rejected already."""
    tod = _first(*(table.raw(name) for name in ("071", "073", "077", "030")))
    verdict.reject(table.is_set("040/SIM") | table.is_set("040/TST"), Reject.SIMULATED)
    verdict.reject(table.is_set("040/RAB"), Reject.NOT_A_MEASUREMENT)
    verdict.reject(tod < 0, Reject.NO_TIME)
    verdict.reject(~(table.has("130/LAT") | table.has("131/LAT")), Reject.NO_POSITION)
    good = verdict.good()
    kept = table.take(good)
    if not len(kept):
        return [], verdict.counted()
    z, sigma, level = _adsb_state(kept), _adsb_sigma(kept), within(kept.si("145"), LEVELS_M)
    _fill_height(z, sigma, level)
    nic = np.where(kept.raw("210/VN") >= 1, kept.si("090/NUCPNIC"), np.nan)
    attributes = {
        "pressure_altitude_m": level,
        "nic": nic,
        "nac_p": kept.si("090/NACP"),
        "nac_v": kept.si("090/NUCRNACV"),
        "sil": kept.si("090/SIL"),
        "on_ground": kept.si("040/GBS"),
        "mode_3a": kept.si("070/MODE3A|070"),
        "track_number": kept.si("161/TRNUM"),
        "link_rssi_dbm": kept.si("132"),
    }
    own = np.isin(kept.raw("040/ATP"), OWN_ADDRESS[is_modern])
    texts = {"identity": addresses(np.where(own, kept.raw("080"), 0)), "callsign": callsigns(kept.raw("170"))}
    batch = _batch(sensor, tod[good], t_recv_ns, z, sigma, attributes, texts)
    return [batch], verdict.counted()


def _adsb_state(table: Table) -> Floats:
    z = np.full((len(table), 6), np.nan)
    for column, name in enumerate(("LAT", "LON")):
        fine = table.si(f"131/{name}")
        z[:, column] = np.where(np.isnan(fine), table.si(f"130/{name}"), fine)
    z[:, 2] = within(table.si("140"), HEIGHTS_M)
    speed = np.where(table.is_set("160/RE"), np.nan, table.si("160/GS"))
    track = table.si("160/TA")
    z[:, 3], z[:, 4] = speed * np.sin(track), speed * np.cos(track)
    geometric = np.where(table.is_set("157/RE"), np.nan, table.si("157/GVR|157"))
    barometric = np.where(table.is_set("155/RE"), np.nan, table.si("155/BVR|155"))
    z[:, 5] = np.where(np.isnan(geometric), barometric, geometric)
    return z


def _adsb_sigma(table: Table) -> Floats:
    sigma = np.full((len(table), 6), np.nan)
    sigma[:, 0:2] = (_looked_up(EPU_M, table.raw("090/NACP")) * SIGMA_PER_95_PLANE)[:, None]
    sigma[:, 2] = _looked_up(GVA_95_M, table.raw("090/GVA")) * SIGMA_PER_95_LINE
    nac_v = table.raw("090/NUCRNACV")
    sigma[:, 3:5] = (_looked_up(VELOCITY_95_MPS, nac_v) * SIGMA_PER_95_PLANE)[:, None]
    sigma[:, 5] = _looked_up(VERTICAL_RATE_95_MPS, nac_v) * SIGMA_PER_95_LINE
    return sigma


def _fill_height(z: Floats, sigma: Floats, level_m: Floats) -> None:
    """Pressure altitude as height where there is no other, with a sigma that says so (``lowsky.geo.height``)."""
    guessed = np.isnan(z[:, 2]) & ~np.isnan(level_m)
    z[guessed, 2] = level_m[guessed]
    sigma[guessed, 2] = SIGMA_PRESSURE_ALTITUDE_M


def _looked_up(values: Floats, index: Ints) -> Floats:
    return np.where(index >= 0, values[np.clip(index, 0, len(values) - 1)], np.nan)


def _first(*columns: Ints) -> Ints:
    """Of each row the first column that is there; negative where none is."""
    found = columns[0]
    for column in columns[1:]:
        found = np.where(found >= 0, found, column)
    return found


def _batch(
    sensor: str, tod: Ints, t_recv_ns: int, z: Floats, sigma: Floats,
    attributes: dict[str, Floats], texts: dict[str, list[str | None]],
) -> MeasurementBatch:  # fmt: skip
    labels = {name: Labels.of(values) for name, values in texts.items()}
    sigma[np.isnan(z)] = np.nan
    return MeasurementBatch(
        sensor,
        MeasurementKind.REPORT,
        t_meas_ns=utc_ns(tod, t_recv_ns),
        t_recv_ns=np.full(len(z), t_recv_ns, np.int64),
        z=z,
        sigma=sigma,
        attributes={name: values for name, values in attributes.items() if not np.isnan(values).all()},
        texts={name: column for name, column in labels.items() if column.names},
    )


def is_modern(edition: str) -> bool:
    """Whether an edition of CAT021 is 2.x."""
    return int(edition.partition(".")[0]) >= FIRST_MODERN
