"""Who carries a claim that sensors contradict? Not the track that they see: it parts from it, and stays nameless."""

import numpy as np

from lowsky.kernels.packed import N_PACKED
from lowsky.model.events import TrackIdentified
from lowsky.model.measurement import Floats
from lowsky.model.track import IdentityState
from lowsky.track.core import Core
from lowsky.track.reports import Identities
from lowsky.track.rows import Station
from lowsky.track.table import Facts

LOWER = np.tril_indices(6)
PLACE = np.tril_indices(3)
TURNED_MPS2 = 3.0
"""What the velocity of a track that followed a false claim may lack, m/s each way (1σ)."""


def seen_within(core: Core, rows: np.ndarray, seeing: np.ndarray, age_ns: int) -> np.ndarray:
    """bool[K]: tracks (table rows) that a sensor of ``seeing`` (indices) fed within ``age_ns``."""
    if not len(seeing):
        return np.zeros(len(rows), np.bool_)
    newest = core.table.t_hit_ns[np.ix_(rows, seeing)].max(axis=1, initial=0)
    return np.asarray((newest > 0) & (core.now_ns - newest <= age_ns))


def part(
    core: Core, known: Identities, station: Station, name: str, claim: tuple[int, Floats, Floats], seeing: np.ndarray,
    offset: tuple[Floats, Floats] | None,
) -> int:  # fmt: skip
    """Take a name, and all that its bearer says, off its track; a new one carries it. Returns the new table row.

    ``claim``: time, state float64[6] and variances float64[3] (``Claimed``). ``offset``: where the object is from where
    the track thinks it is, and its covariance; None: the track is where the object is.
    """
    table = core.table
    old = table.facts[known.serial_of[name]]
    row = int(table.add(1)[0])
    for column in table.specs:
        if column != "serial":
            getattr(table, column)[row] = getattr(table, column)[old.row]
    t_ns, x, var = claim
    P = np.diag([var[0], var[0], min(var[1], core.settings.report_height_sigma_m**2), var[2], var[2], var[2]])
    table.t_ns[row], table.xm[row], table.Pm[row] = t_ns, x, P
    table.x[row], table.P[row] = x[:, None], P[LOWER][:, None]
    table.mu[row], table.share[row] = core.mu_birth, core.share_birth
    table.track_id[row], table.lag_var[row], table.t_update_ns[row], table.t_r_ns[row] = 0, 0.0, t_ns, t_ns
    table.r[row] = max(table.r[row], core.settings.r_report)
    table.t_hit_ns[row, seeing], table.emits[row], table.group_count[row] = 0, 0.0, 0.0
    table.look_hit[row, seeing] = 0
    _unname(core, old, row, name)
    known.serial_of[name] = int(table.serial[row])
    core.whose.forget(name)
    if offset is not None:
        _shift(core, old.row, *offset)
    track_id = core.show(row, station, "what it reports is not the track it was taken for")
    core.emit(TrackIdentified, "it reports this identity", track_id=track_id, identity=name)
    return row


def _unname(core: Core, old: Facts, row: int, name: str) -> None:
    """What was declared goes with the name; what sensors said of the class stays."""
    table = core.table
    own = {s.index for s in core.stations.values() if s.sensor.kind == "cooperative"}
    table.facts[int(table.serial[row])] = Facts(
        row, name, old.texts, {k: n for k, n in old.class_counts.items() if k[0] in own}
    )
    table.has_facts[row] = True
    old.identity, old.texts = None, {}
    old.class_counts = {k: n for k, n in old.class_counts.items() if k[0] not in own}
    at = old.row
    table.has_identity[at], table.reports[at], table.t_report_ns[at], table.lag_var[at] = False, 0, 0, 0.0
    table.doubt[at], table.identity_state[at], table.identity_since_ns[at] = 0.0, IdentityState.NONE, 0
    table.apart[at] = False
    core.text_version += 1


def _shift(core: Core, row: int, d: Floats, P: Floats) -> None:
    """Put a track where sensors see the object, in every mode, as sure as they are."""
    table = core.table
    more = np.zeros((6, 6))
    more[:3, :3], more[3:, 3:] = P, np.eye(3) * TURNED_MPS2**2
    table.x[row, :3] += d[:, None]
    table.xm[row, :3] += d
    table.P[row] += more[LOWER][:N_PACKED, None]
    table.Pm[row] += more
