"""Track and truth tables of a few objects, from metres east, north, up."""

import math

import numpy as np
import polars as pl

from lowsky.geo.enu import EnuFrame

START_NS = 1_777_615_200_000_000_000  # a whole second
FRAME = EnuFrame.at(math.radians(37.45), math.radians(126.6), 30.0)
UPPER = np.triu_indices(6)


def columns(t_s, pos, vel):
    """Times, geodetic positions and local velocities of rows float64[R, 3]."""
    pos, vel = np.asarray(pos, np.float64).reshape(-1, 3), np.asarray(vel, np.float64).reshape(-1, 3)
    geodetic = FRAME.geodetic(pos)
    local = np.einsum("rij,rj->ri", FRAME.local_from_enu(geodetic[:, 0], geodetic[:, 1]), vel)
    t_ns = START_NS + np.round(np.asarray(t_s, np.float64) * 1e9).astype(np.int64)
    return {
        "time": pl.Series(t_ns, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
        "latitude_deg": np.degrees(geodetic[:, 0]),
        "longitude_deg": np.degrees(geodetic[:, 1]),
        "height_m": geodetic[:, 2],
        "east_mps": local[:, 0],
        "north_mps": local[:, 1],
        "up_mps": local[:, 2],
    }


def truth(rows, object_class="multirotor"):
    """A truth table of (target id, seconds, position, velocity) rows."""
    ids, t_s, pos, vel = zip(*rows)
    return pl.DataFrame({"target_id": list(ids), **columns(t_s, pos, vel), "class": [object_class] * len(ids)})


def tracks(rows, covariance=None, object_class="unknown"):
    """A track table of (track id, seconds, position, velocity, status) rows, all with one covariance."""
    ids, t_s, pos, vel, status = zip(*rows) if rows else ((), (), (), (), ())
    upper = None if covariance is None else np.asarray(covariance)[UPPER].tolist()
    return pl.DataFrame(
        {
            "track_id": pl.Series(list(ids), dtype=pl.Int64),
            **columns(t_s, pos, vel),
            "status": pl.Series(list(status), dtype=pl.String),
            "covariance": pl.Series([upper] * len(ids), dtype=pl.List(pl.Float64)),
            "class": pl.Series([object_class] * len(ids), dtype=pl.String),
        }
    )


def standing(target, place, seconds, status=None):
    """Rows of one object that stands still, one each second from 0; with a status: of a track."""
    rows = [(target, float(s), place, (0.0, 0.0, 0.0)) for s in seconds]
    return rows if status is None else [(*row, status) for row in rows]
