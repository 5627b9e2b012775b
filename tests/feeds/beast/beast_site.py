"""The site of the recordings, and ways to look at what a feed made. Used by both Mode S feeds' tests."""

import math
from collections import Counter

from lowsky.model.site import Sensor, Site

HELSINKI = (60.32, 24.83)
TOULOUSE = (43.63, 1.37)
MID_FRANCE = (47.5, 0.5)  # of the long Toulouse file: Toulouse and London are both within 470 km


def site_at(place, max_range_m=math.inf):
    sensor = Sensor(
        id="rx", kind="cooperative", latitude_rad=math.radians(place[0]), longitude_rad=math.radians(place[1]),
        height_m=60.0, max_range_m=max_range_m,
    )  # fmt: skip
    return Site(
        name="test", latitude_rad=sensor.latitude_rad, longitude_rad=sensor.longitude_rad, height_m=60.0,
        sensors=(sensor,),
    )  # fmt: skip


def read_all(feed, path, place, start_ns=0):
    site = site_at(place)
    return list(feed.read_file(path, feed.Config(), site.sensor("rx"), site, start_ns))


def opened(feed, place=HELSINKI):
    site = site_at(place)
    return feed.open_feed(feed.Config(), site.sensor("rx"), site)


def totals(results):
    """records, measurements, rejects, held."""
    return (
        sum(r.records for r in results),
        sum(len(b) for r in results for b in r.batches),
        sum((r.rejected for r in results), Counter()),
        results[-1].held if results else 0,
    )


def is_lawful(results):
    records, measured, rejected, held = totals(results)
    return records == measured + rejected.total() + held


def rows_of(results):
    """Every row of every batch as a dict of what is there, rounded so that it can stand in JSON."""
    rows = []
    for batch in (b for r in results for b in r.batches):
        for k in range(len(batch)):
            row = {"t_ns": int(batch.t_meas_ns[k])}
            columns = {
                "latitude_deg": math.degrees(batch.z[k, 0]), "longitude_deg": math.degrees(batch.z[k, 1]),
                "height_m": batch.z[k, 2], "east_mps": batch.z[k, 3], "north_mps": batch.z[k, 4],
                "up_mps": batch.z[k, 5],
                "sigma_position_m": batch.sigma[k, 0], "sigma_height_m": batch.sigma[k, 2],
                "sigma_velocity_mps": batch.sigma[k, 3], "sigma_up_mps": batch.sigma[k, 5],
                **{name: column[k] for name, column in batch.attributes.items()},
            }  # fmt: skip
            digits = {"latitude_deg": 7, "longitude_deg": 7}
            row |= {n: round(float(v), digits.get(n, 3)) for n, v in columns.items() if not math.isnan(v)}
            row |= {n: labels.text(k) for n, labels in batch.texts.items() if labels.text(k) is not None}
            rows.append(row)
    return rows


def same_batches(left, right):
    """True where two runs gave the same batches, bit by bit, names of labels included."""
    a = [b for r in left for b in r.batches]
    b = [b for r in right for b in r.batches]
    return len(a) == len(b) and all(fingerprint(x) == fingerprint(y) for x, y in zip(a, b, strict=True))


def fingerprint(batch):
    return (
        batch.sensor, batch.kind, batch.t_meas_ns.tobytes(), batch.t_recv_ns.tobytes(),
        batch.z.tobytes(), batch.sigma.tobytes(),
        sorted((n, c.tobytes()) for n, c in batch.attributes.items()),
        sorted((n, [c.text(k) for k in range(len(batch))]) for n, c in batch.texts.items()),
    )  # fmt: skip
