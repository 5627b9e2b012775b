"""Every potential object, as columns with spare room. Nothing outside ``track/`` sees a row number."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.packed import N_PACKED
from lowsky.kernels.table import clear_rows, fill_holes
from lowsky.model.measurement import ATTRIBUTES

ATTRIBUTE_INDEX = {name: k for k, name in enumerate(ATTRIBUTES)}


@dataclass(slots=True)
class Facts:
    """What a track's measurements said in words. Classifiers read it; only ``track/`` writes it."""

    row: int
    identity: str | None = None
    texts: dict[str, str] = field(default_factory=dict)  # name of TEXTS -> newest value
    class_counts: dict[tuple[int, str], int] = field(default_factory=dict)  # (sensor index, class label) -> times

    def __deepcopy__(self, memo: dict[int, Any]) -> "Facts":
        return Facts(self.row, self.identity, self.texts.copy(), self.class_counts.copy())


def column_specs(
    n_mode: int, n_behaviour: int, n_sensor: int, n_lasting: int = 0
) -> dict[str, tuple[type, tuple[int, ...]]]:
    """Name, dtype and shape per row of every column."""
    return {
        "serial": (np.int64, ()),  # internal, never reused: the key of ``facts``
        "track_id": (np.int64, ()),  # 0 until the track is shown
        "t_ns": (np.int64, ()),  # UTC of x, P, mu
        "x": (np.float64, (6, n_mode)),  # see kernels.sheet
        "P": (np.float64, (N_PACKED, n_mode)),  # packed, see kernels.packed
        "mu": (np.float64, (n_mode,)),
        "share": (np.float64, (n_mode, n_behaviour)),  # of each behaviour, given the mode
        "xm": (np.float64, (6,)),  # the mixture's mean and covariance
        "Pm": (np.float64, (6, 6)),
        "r": (np.float64, ()),  # existence …
        "t_r_ns": (np.int64, ()),  # … at this time
        "status": (np.uint8, ()),
        "hits": (np.int64, ()),
        "reports": (np.int64, ()),
        "t_update_ns": (np.int64, ()),
        "t_report_ns": (np.int64, ()),  # newest report with its identity; 0 = none
        "interval_s": (np.float64, ()),
        "has_identity": (np.bool_, ()),
        "has_facts": (np.bool_, ()),
        "doubt": (np.float64, ()),  # that its identity is another's
        "identity_state": (np.uint8, ()),  # IdentityState of its claim …
        "identity_since_ns": (np.int64, ()),  # … since then
        "apart": (np.bool_, ()),  # sensors see that its object is not there: only its own reports feed it
        "group_count": (np.float64, ()),  # objects in the crowd it is in, too close to be told apart; 0: none …
        "group_sigma": (np.float64, ()),  # … ± this
        "t_hit_ns": (np.int64, (n_sensor,)),  # newest row of each sensor
        "t_chance_ns": (np.int64, (n_sensor,)),  # chances to be seen are accounted for up to here
        "look_hit": (np.int64, (n_sensor,)),  # number of the tracker's step in which that sensor last fed it
        "t_placed_ns": (np.int64, ()),  # since when bearings alone make it a place
        "lean": (np.float64, (n_lasting, 6, 3)),  # ∂x/∂(range, azimuth, elevation) of sensors whose errors last
        "strength": (np.float64, (n_lasting, 2)),  # m and i of ln(range by signal strength / range); see ``strength``
        "t_born_ns": (np.int64, ()),  # its first row
        "born_by": (np.int64, ()),  # 1 + number of the radar that saw it first; 0: none
        "born_cell": (np.int64, ()),  # where in that radar's volume; see ``population``
        "start_share": (np.float64, ()),  # probability that it was there when the tracker began; see ``population``
        "emits": (np.float64, ()),  # > 0: existence rests on bearings; probability that it emits, if it exists
        "lag_var": (np.float64, ()),  # m² that its reports have in common, along its way; not in P; see ``along``
        "blurred": (np.int64, ()),  # looks in a row that fed it with plots of which each is more likely nobody's
        "attributes": (np.float64, (len(ATTRIBUTES),)),
    }


class TrackTable:
    """Rows [0, n) are alive, in no promised order: removing moves the last rows into the gaps.

    Columns are attributes, named as in ``column_specs``; each is one array of the table's capacity.
    """

    serial: NDArray[np.int64]
    track_id: NDArray[np.int64]
    t_ns: NDArray[np.int64]
    x: NDArray[np.float64]
    P: NDArray[np.float64]
    mu: NDArray[np.float64]
    share: NDArray[np.float64]
    xm: NDArray[np.float64]
    Pm: NDArray[np.float64]
    r: NDArray[np.float64]
    t_r_ns: NDArray[np.int64]
    status: NDArray[np.uint8]
    hits: NDArray[np.int64]
    reports: NDArray[np.int64]
    t_update_ns: NDArray[np.int64]
    t_report_ns: NDArray[np.int64]
    interval_s: NDArray[np.float64]
    has_identity: NDArray[np.bool_]
    has_facts: NDArray[np.bool_]
    doubt: NDArray[np.float64]
    identity_state: NDArray[np.uint8]
    identity_since_ns: NDArray[np.int64]
    apart: NDArray[np.bool_]
    group_count: NDArray[np.float64]
    group_sigma: NDArray[np.float64]
    t_hit_ns: NDArray[np.int64]
    t_chance_ns: NDArray[np.int64]
    look_hit: NDArray[np.int64]
    t_placed_ns: NDArray[np.int64]
    lean: NDArray[np.float64]
    strength: NDArray[np.float64]
    t_born_ns: NDArray[np.int64]
    born_by: NDArray[np.int64]
    born_cell: NDArray[np.int64]
    start_share: NDArray[np.float64]
    emits: NDArray[np.float64]
    lag_var: NDArray[np.float64]
    blurred: NDArray[np.int64]
    attributes: NDArray[np.float64]
    _bytes: tuple[NDArray[np.uint8], ...]

    def __init__(self, n_mode: int, n_behaviour: int, n_sensor: int, n_lasting: int = 0, capacity: int = 256) -> None:
        self.n = 0
        self.next_serial = 1
        self.facts: dict[int, Facts] = {}
        self.specs = column_specs(n_mode, n_behaviour, n_sensor, n_lasting)
        for name, (dtype, shape) in self.specs.items():
            setattr(self, name, np.zeros((capacity, *shape), dtype))
        self._see_bytes()

    @property
    def capacity(self) -> int:
        return len(self.serial)

    def add(self, count: int) -> NDArray[np.int64]:
        """Room for ``count`` new rows, zeroed and with fresh serials; returns their row numbers."""
        if self.n + count > self.capacity:
            self._resize(max(2 * self.capacity, self.n + count))
        rows = np.arange(self.n, self.n + count)
        clear_rows(self._bytes, self.n, count)
        self.serial[rows] = np.arange(self.next_serial, self.next_serial + count)
        self.attributes[rows] = np.nan
        self.next_serial += count
        self.n += count
        return rows

    def remove(self, dead: NDArray[np.int64]) -> None:
        """Drop the rows ``dead``, sorted; their facts go too. Shrinks when three quarters are spare."""
        if not len(dead):
            return
        for serial in self.serial[dead[self.has_facts[dead]]].tolist():
            del self.facts[serial]
        left = self.n - len(dead)
        n_hole = int(np.searchsorted(dead, left))
        holes = dead[:n_hole]
        fill_holes(self._bytes, holes, dead[n_hole:], left, self.n)
        for row in holes[self.has_facts[holes]].tolist():
            self.facts[int(self.serial[row])].row = row
        self.n = left
        if self.capacity > 1024 and left < self.capacity // 4:
            self._resize(self.capacity // 2)

    def facts_of(self, row: int) -> Facts:
        """The facts of a row, begun where there are none."""
        serial = int(self.serial[row])
        facts = self.facts.get(serial)
        if facts is None:
            facts = self.facts[serial] = Facts(int(row))
            self.has_facts[row] = True
        return facts

    def _resize(self, capacity: int) -> None:
        for name, (dtype, shape) in self.specs.items():
            old = getattr(self, name)
            new: NDArray[Any] = np.zeros((capacity, *shape), dtype)
            new[: self.n] = old[: self.n]
            setattr(self, name, new)
        self._see_bytes()

    def _see_bytes(self) -> None:
        """Every column as bytes by row: what moves rows need not know what is in them."""
        columns = (getattr(self, name) for name in self.specs)
        self._bytes = tuple(c.view(np.uint8).reshape(self.capacity, -1) for c in columns)

    def __deepcopy__(self, memo: dict[int, Any]) -> "TrackTable":
        """The rows that are alive, with room as here, so that what is to come is the same."""
        twin = TrackTable.__new__(TrackTable)
        twin.n, twin.next_serial, twin.specs = self.n, self.next_serial, self.specs
        twin.facts = {serial: deepcopy(facts) for serial, facts in self.facts.items()}
        for name in self.specs:
            old = getattr(self, name)
            new: NDArray[Any] = np.zeros_like(old)  # untouched room takes no memory
            new[: self.n] = old[: self.n]
            setattr(twin, name, new)
        twin._see_bytes()
        return twin

    def bytes_per_row(self) -> int:
        return sum(np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, shape in self.specs.values())

    def dump(self) -> dict[str, Any]:
        """Plain parts for msgpack: exact."""
        return {
            "n": self.n,
            "capacity": self.capacity,
            "next_serial": self.next_serial,
            "columns": {name: getattr(self, name)[: self.n].tobytes() for name in self.specs},
            "facts": [
                [serial, f.row, f.identity, f.texts, [[s, label, c] for (s, label), c in f.class_counts.items()]]
                for serial, f in self.facts.items()
            ],
        }

    def load(self, saved: dict[str, Any]) -> None:
        self.n = 0
        self._resize(saved["capacity"])
        self.n, self.next_serial = saved["n"], saved["next_serial"]
        for name, (dtype, shape) in self.specs.items():
            getattr(self, name)[: self.n] = np.frombuffer(saved["columns"][name], dtype).reshape(self.n, *shape)
        self.facts = {
            serial: Facts(row, identity, texts, {(s, label): c for s, label, c in counts})
            for serial, row, identity, texts, counts in saved["facts"]
        }
