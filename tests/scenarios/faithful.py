"""Does each aircraft that reports have exactly one track, always there and close to what it reports?"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

OFTEN_ENOUGH_S = 30.0  # reports of one run follow each other within this
RUN_REPORTS = 10  # fewer make no run worth a track
SETTLING_REPORTS = 3  # the first of a run may come before its track is confirmed
NEAR_M = 30.0


@dataclass
class Findings:
    """Everything that is not as it should be, in words, and the errors in metres."""

    aircraft: int = 0
    reports: int = 0
    wrong: list[str] = field(default_factory=list)
    error_m: np.ndarray = field(default_factory=lambda: np.empty(0))

    def __str__(self) -> str:
        share = np.mean(self.error_m <= NEAR_M) if len(self.error_m) else 1.0
        worst = self.error_m.max() if len(self.error_m) else 0.0
        head = f"{self.aircraft} aircraft, {self.reports} reports, {share:.4%} within {NEAR_M:g} m, worst {worst:.1f} m"
        return "\n".join([head, *self.wrong[:20]])


def runs(reports: pl.DataFrame) -> pl.DataFrame:
    """Reports (time, identity, latitude_deg, longitude_deg) with the number of their run, short runs left out."""
    gap = pl.col("time").diff().over("identity") > pl.duration(microseconds=int(OFTEN_ENOUGH_S * 1e6))
    numbered = reports.sort("identity", "time").with_columns(run=gap.fill_null(False).cum_sum().over("identity"))
    place = pl.int_range(pl.len()).over("identity", "run")
    counted = numbered.with_columns(place=place, n=pl.len().over("identity", "run"))
    return counted.filter(pl.col("n") >= RUN_REPORTS)


def horizontal_m(lat_deg, lon_deg, lat0_deg, lon0_deg):
    """Distance on the sphere, good to 0.5 % at these distances."""
    north = (lat_deg - lat0_deg) * 111_200.0
    east = (lon_deg - lon0_deg) * 111_320.0 * np.cos(np.radians(lat0_deg))
    return np.hypot(north, east)


def judge(tracks: pl.DataFrame, reports: pl.DataFrame) -> Findings:
    """``tracks`` is a track table; ``reports`` has time, identity, latitude_deg, longitude_deg."""
    found = Findings()
    reports = runs(reports)
    shown = tracks.filter(pl.col("status").is_in(["confirmed", "coasting"]) & pl.col("identity").is_not_null())
    by_identity = shown.partition_by("identity", as_dict=True)
    errors = []
    for (identity,), said in reports.partition_by("identity", as_dict=True).items():
        found.aircraft += 1
        rows = by_identity.get((identity,))
        if rows is None:
            found.wrong.append(f"{identity}: {len(said)} reports and no confirmed track")
            continue
        ids = rows["track_id"].unique().to_list()
        if len(ids) != 1:
            found.wrong.append(f"{identity}: tracks {ids}")
        due = said.filter(pl.col("place") >= SETTLING_REPORTS).sort("time")
        errors.append(_errors(identity, rows.sort("time"), due, found))
    anonymous = tracks.filter(pl.col("status").eq("confirmed") & pl.col("identity").is_null())["track_id"].unique()
    if len(anonymous):
        found.wrong.append(f"{len(anonymous)} confirmed tracks without identity: {anonymous.to_list()[:5]}")
    found.error_m = np.concatenate(errors) if errors else np.empty(0)
    found.reports = len(found.error_m)
    far = int((found.error_m > NEAR_M).sum())
    if far:
        found.wrong.append(f"{far} of {found.reports} reports farther than {NEAR_M:g} m from their track")
    return found


def _errors(identity: str, rows: pl.DataFrame, due: pl.DataFrame, found: Findings) -> np.ndarray:
    """Distance of each report from the newest row of its track, carried to the report with the track's velocity."""
    t_row = rows["time"].dt.epoch("ns").to_numpy()
    t_due = due["time"].dt.epoch("ns").to_numpy()
    at = np.searchsorted(t_row, t_due + 1_000_000, side="right") - 1
    age_s = np.where(at >= 0, (t_due - t_row[np.maximum(at, 0)]) * 1e-9, np.inf)
    lost = age_s > OFTEN_ENOUGH_S
    if lost.any():
        found.wrong.append(f"{identity}: not tracked at {int(lost.sum())} of {len(due)} reports")
    at, due, age_s = at[~lost], due.filter(~pl.Series(lost)), age_s[~lost]
    lat, lon = rows["latitude_deg"].to_numpy()[at], rows["longitude_deg"].to_numpy()[at]
    lat = lat + rows["north_mps"].to_numpy()[at] * age_s / 111_200.0
    lon = lon + rows["east_mps"].to_numpy()[at] * age_s / (111_320.0 * np.cos(np.radians(lat)))
    return horizontal_m(lat, lon, due["latitude_deg"].to_numpy(), due["longitude_deg"].to_numpy())
