"""Judged rows to batches: every look one batch, however the rows are cut into chunks."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import SECOND_NS, WGS84_A_M, WGS84_E2
from lowsky.model.measurement import (
    DIM,
    Coverage,
    Floats,
    Ints,
    Labels,
    MeasurementBatch,
    MeasurementKind,
    Reject,
    empty_look,
)
from lowsky.model.site import Sensor, Site
from lowsky.wire.table.fields import COLUMNS_OF, EXTRA
from lowsky.wire.table.rows import Mask, Rows, first_seen, joined_labels
from lowsky.wire.table.verdict import MEASUREMENT, SAW_NOTHING, T_MAX_NS, Judged, cleaned, scaled

LOOKS_KNOWN = 256  # far more than a link that stands still for half a minute holds back
GROUP_NS = SECOND_NS // 4  # cooperative reports without look: one batch for each quarter second of event time
SILENCE_S = 30.0  # a look whose rows pause for longer is over; for sensors with look_period_s twice that
MAX_LOOK_ROWS = 100_000  # more rows of one look are OVERFLOW
MAX_LIVE_LOOK_ROWS = 20_000  # the same in a stream, where each may have come alone and a sender may mean harm


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows of one sensor in our units, in order. ``measured`` False: the row says that the look saw nothing."""

    number: Ints  # of the row since the start
    t_meas_ns: Ints
    t_recv_ns: Ints
    look: Ints
    has_look: Mask
    measured: Mask
    all_measured: bool
    z: Floats
    sigma: Floats
    attributes: dict[str, Floats]
    texts: dict[str, Labels]


Part = tuple[_Block, int, int]


@dataclass(slots=True)
class _Group:
    """Rows that become one batch: a look, or reports of one moment."""

    number: int  # of its first row: batches come out in this order
    look: int | None
    key: int
    t_recv_last_ns: int
    t_from_ns: int = T_MAX_NS
    t_to_ns: int = 0
    rows: int = 0
    measured: int = 0  # of the rows; the others say that the look saw nothing
    is_more: bool = False  # further rows of a look whose coverage has been given
    parts: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class _SensorState:
    sensor: Sensor
    kind: MeasurementKind
    silence_ns: int
    open: _Group | None = None
    newest_look: int | None = None  # the newest look that began, complete or not, and when it began
    newest_first_ns: int = 0
    previous_look: int | None = None  # the look before that
    begun: OrderedDict[int, None] = field(default_factory=OrderedDict)  # the last LOOKS_KNOWN that did
    late_look: int | None = None  # the look of the last row, if that was late: the rows that follow on it are, too


class Looks:
    """Groups rows into batches; keeps the look of each sensor that is not yet known to be complete.

    A look is complete when a later look of the sensor begins, when its rows pause for too long, or at ``close``;
    with ``is_live`` also at a row that says the look saw nothing (more), and rows without look are not kept at all.
    Rows of a look that was complete already are LATE; with ``continues`` those of the newest look are a batch of
    their own, without coverage, for the look's coverage has been given. A cooperative report stands for itself: it is
    never LATE here.

    The batches depend on the rows and their order only, not on how they were cut into calls (``is_live`` apart,
    where rows without look are one batch at most per call).
    """

    def __init__(self, site: Site, is_live: bool = False, continues: bool = False) -> None:
        self._is_live, self._continues = is_live, continues
        self._max_rows = MAX_LIVE_LOOK_ROWS if is_live else MAX_LOOK_ROWS
        self._count = 0
        self._ready: list[tuple[int, MeasurementBatch]] = []
        self._states = [
            _SensorState(sensor, sensor.measures, int(2.0 * (sensor.look_period_s or SILENCE_S / 2.0) * SECOND_NS))
            for sensor in site.sensors
        ]

    @property
    def held(self) -> int:
        """Measurements kept back now."""
        open_rows = sum(state.open.measured for state in self._states if state.open is not None)
        return open_rows + sum(len(batch) for _, batch in self._ready)

    def step(self, rows: Rows, judged: Judged) -> tuple[list[MeasurementBatch], Counter[Reject]]:
        """The batches that are complete now, and what was rejected; SAW_NOTHING counts as NOT_A_MEASUREMENT."""
        counts = np.bincount(judged.verdict, minlength=SAW_NOTHING + 1)
        rejected: Counter[Reject] = Counter({reason: int(counts[reason]) for reason in Reject if counts[reason]})
        if counts[SAW_NOTHING]:
            rejected[Reject.NOT_A_MEASUREMENT] += int(counts[SAW_NOTHING])
        kept = np.flatnonzero((judged.verdict == MEASUREMENT) | (judged.verdict == SAW_NOTHING))
        sensor = judged.sensor[kept]
        for index in np.unique(sensor).tolist():
            own = kept if len(self._states) == 1 else kept[sensor == index]
            state = self._states[index]
            block = _block(rows, own, judged.verdict, state.kind, self._count)
            for reason, count in self._group(state, block):
                rejected[reason] += count
        self._count += len(rows)
        if len(kept):
            newest_ns = int(rows.received_ns[kept].max())
            for state in self._states:
                if state.open is not None and _is_silent(state.open, state, newest_ns):
                    self._close_group(state)
        return self._released(), rejected

    def close(self) -> list[MeasurementBatch]:
        """No more rows come: every look is complete."""
        for state in self._states:
            self._close_group(state)
        return self._released()

    def _group(self, state: _SensorState, block: _Block) -> Iterator[tuple[Reject, int]]:
        for start, end, look, t_first_ns, t_recv_ns, t_from_ns, t_to_ns in _runs(block, state):
            key = look if look is not None else t_first_ns // _span_ns(state)
            group = state.open
            if group is None or group.look != look or group.key != key or _is_silent(group, state, t_recv_ns):
                is_more = self._continues and look is not None and look == state.newest_look
                if look is not None and not is_more and _is_late(state, look, t_first_ns):
                    is_more = state.kind is MeasurementKind.REPORT
                if look is not None and not is_more and _is_late(state, look, t_first_ns):
                    state.late_look = look
                    yield Reject.LATE, _count_measured(block, start, end)
                    continue
                self._close_group(state)
                group = state.open = _Group(int(block.number[start]), look, key, t_recv_ns, is_more=is_more)
                if look is not None and not is_more:
                    _begin(state, look, t_first_ns)
            state.late_look = None
            if group.rows + end - start > self._max_rows:
                fits = start + self._max_rows - group.rows
                yield Reject.OVERFLOW, _count_measured(block, fits, end)
                end = fits
                cut = block.t_meas_ns[start:end]
                t_from_ns, t_to_ns = int(cut.min(initial=T_MAX_NS)), int(cut.max(initial=0))
            if end > start:
                group.t_from_ns, group.t_to_ns = min(group.t_from_ns, t_from_ns), max(group.t_to_ns, t_to_ns)
                group.parts.append((block, start, end))
                group.rows += end - start
                group.measured += _count_measured(block, start, end)
                group.t_recv_last_ns = int(block.t_recv_ns[end - 1])
            if self._is_live and (look is None or not block.measured[start:end].all()):
                self._close_group(state)

    def _close_group(self, state: _SensorState) -> None:
        group, state.open = state.open, None
        if group is None:
            return
        batch = _batch(group, state)
        if batch is not None:
            self._ready.append((group.number, batch))

    def _released(self) -> list[MeasurementBatch]:
        """Complete batches in the order of their first rows. A file's wait for the looks that began before them."""
        still_open = [state.open.number for state in self._states if state.open is not None]
        limit = self._count if self._is_live or not still_open else min(still_open)
        self._ready.sort(key=lambda ready: ready[0])
        released = [batch for number, batch in self._ready if number < limit]
        self._ready = [ready for ready in self._ready if ready[0] >= limit]
        return released


def _is_silent(group: _Group, state: _SensorState, t_recv_ns: int) -> bool:
    """Nothing came for so long that the group is over."""
    return t_recv_ns - group.t_recv_last_ns > state.silence_ns


def _is_late(state: _SensorState, look: int, t_first_ns: int) -> bool:
    """Does a run of rows that begins then belong to a look that is complete? A counter that restarts does not.

    Goes by the looks that began, not by what is still open: when a group is closed depends on the chunks.
    """
    if state.newest_look is None:
        return False
    if look in (state.newest_look, state.previous_look, state.late_look):
        return True
    return look in state.begun and look < state.newest_look and t_first_ns < state.newest_first_ns


def _begin(state: _SensorState, look: int, t_first_ns: int) -> None:
    """A look begins. One that a link delivers behind its successors, whole, is a look as any other."""
    is_behind = state.newest_look is not None and look < state.newest_look and t_first_ns < state.newest_first_ns
    if not is_behind:
        state.previous_look, state.newest_look, state.newest_first_ns = state.newest_look, look, t_first_ns
    state.begun[look] = None
    state.begun.move_to_end(look)
    if len(state.begun) > LOOKS_KNOWN:
        state.begun.popitem(last=False)


def _span_ns(state: _SensorState) -> int:
    return GROUP_NS if state.kind is MeasurementKind.REPORT else 1


def _count_measured(block: _Block, start: int, end: int) -> int:
    return end - start if block.all_measured else int(np.count_nonzero(block.measured[start:end]))


def _runs(block: _Block, state: _SensorState) -> Iterator[tuple[int, int, int | None, int, int, int, int]]:
    """Consecutive rows that belong together: start, end, look, event time and receipt of the first, oldest and newest
    event time."""
    starts = _run_starts(block, state)
    looks = [look if has else None for look, has in zip(block.look[starts].tolist(), block.has_look[starts].tolist())]
    return zip(
        starts.tolist(), [*starts[1:].tolist(), len(block.look)], looks,
        block.t_meas_ns[starts].tolist(), block.t_recv_ns[starts].tolist(),
        np.minimum.reduceat(block.t_meas_ns, starts).tolist(), np.maximum.reduceat(block.t_meas_ns, starts).tolist(),
    )  # fmt: skip


def _run_starts(block: _Block, state: _SensorState) -> Ints:
    """Where a row does not belong to the one before; 0 is first."""
    key = np.where(block.has_look, block.look, block.t_meas_ns // _span_ns(state))
    changes = (key[1:] != key[:-1]) | (block.has_look[1:] != block.has_look[:-1])
    changes |= np.diff(block.t_recv_ns) > state.silence_ns
    return np.flatnonzero(np.append(True, changes))


def _block(rows: Rows, own: NDArray[Any], verdict: NDArray[np.uint8], kind: MeasurementKind, count: int) -> _Block:
    """The kept rows of one sensor, in our units."""
    columns = COLUMNS_OF[kind]
    z, sigma = np.full((len(own), len(columns)), np.nan), np.full((len(own), len(columns)), np.nan)
    is_all = len(own) == len(rows)
    pick: Any = slice(None) if is_all else own
    for index, name in enumerate(columns):
        if name in rows.values:
            z[:, index] = scaled(rows.values[name][pick], name)
        if (sigma_name := f"sigma_{name}") in rows.values:
            sigma[:, index] = scaled(rows.values[sigma_name][pick], sigma_name)
    if kind is MeasurementKind.REPORT:
        sigma[:, :2] = metres_of_sigma(sigma[:, :2], z[:, 0])
    measured = verdict[own] == MEASUREMENT
    return _Block(
        count + own, rows.time_ns[pick], rows.received_ns[pick], rows.look[pick], rows.has_look[pick],
        measured, bool(measured.all()), z, sigma,
        {name: rows.values[name][pick] for name in rows.values if name in EXTRA},
        cleaned(rows.texts if is_all else {name: _own(labels, own) for name, labels in rows.texts.items()}),
    )  # fmt: skip


def _own(labels: Labels, own: NDArray[Any]) -> Labels:
    """Some rows' texts without those of the other rows, which a look that waits would keep in memory."""
    return first_seen(Labels(labels.codes[own], labels.names))


def metres_of_sigma(sigma_rad: Floats, latitude_rad: Floats) -> Floats:
    """Sigma of latitude and longitude (rad) as metres *east* and *north*, float64[N, 2] both.

    With the radii of curvature in the meridian M and in the prime vertical N on the ellipsoid::

        σ_north = M σ_latitude      σ_east = N cos φ σ_longitude

    The order of the columns changes: latitude, longitude come in, east, north go out.
    """
    return np.column_stack(
        (
            sigma_rad[:, 1] * metres_per_radian(latitude_rad)[:, 1],
            sigma_rad[:, 0] * metres_per_radian(latitude_rad)[:, 0],
        )
    )


def metres_per_radian(latitude_rad: Floats) -> Floats:
    """Metres of one radian of latitude (M) and of longitude (N cos φ), float64[N, 2]. NaN in, NaN out."""
    w2 = 1.0 - WGS84_E2 * np.sin(latitude_rad) ** 2
    n = WGS84_A_M / np.sqrt(w2)
    return np.column_stack((n * (1.0 - WGS84_E2) / w2, n * np.cos(latitude_rad)))


def _batch(group: _Group, state: _SensorState) -> MeasurementBatch | None:
    """The batch of a complete group; None where there is nothing to say."""
    parts = group.parts
    if len(parts) == 1 and parts[0][0].all_measured:
        block, start, end = parts[0]
        cut: Any = slice(start, end)
        t_meas, t_recv, z, sigma = block.t_meas_ns[cut], block.t_recv_ns[cut], block.z[cut], block.sigma[cut]
        attributes = {name: column[cut] for name, column in block.attributes.items()}
        texts = {name: Labels(labels.codes[cut], labels.names) for name, labels in block.texts.items()}
    else:
        t_meas, t_recv, z, sigma, attributes, texts = _stacked(parts, DIM[state.kind])
    coverage = _coverage(state, group)
    look = -1 if group.look is None else group.look
    if not len(t_meas):
        return None if coverage is None else empty_look(state.sensor.id, state.kind, look, coverage)
    given = {name: column for name, column in attributes.items() if not (column != column).all()}
    said = {name: first_seen(labels) for name, labels in texts.items()}
    said = {name: labels for name, labels in said.items() if labels.names}
    return MeasurementBatch(state.sensor.id, state.kind, t_meas, t_recv, z, sigma, look, coverage, given, said)


def _stacked(parts: list[Part], d: int) -> tuple[Ints, Ints, Floats, Floats, dict[str, Floats], dict[str, Labels]]:
    """The measured rows of several blocks, one after the other."""
    cuts = [(block, start + np.flatnonzero(block.measured[start:end])) for block, start, end in parts]
    lengths = [len(rows) for _, rows in cuts]
    attribute_names = dict.fromkeys(name for block, _ in cuts for name in block.attributes)
    text_names = dict.fromkeys(name for block, _ in cuts for name in block.texts)
    attributes = {
        name: np.concatenate(
            [
                block.attributes[name][rows] if name in block.attributes else np.full(len(rows), np.nan)
                for block, rows in cuts
            ]
        )
        for name in attribute_names
    }
    texts = {}
    for name in text_names:
        own = [
            Labels(block.texts[name].codes[rows], block.texts[name].names) if name in block.texts else None
            for block, rows in cuts
        ]
        texts[name] = joined_labels(own, lengths)
    return (
        np.concatenate([block.t_meas_ns[rows] for block, rows in cuts]),
        np.concatenate([block.t_recv_ns[rows] for block, rows in cuts]),
        np.concatenate([block.z[rows] for block, rows in cuts]).reshape(-1, d),
        np.concatenate([block.sigma[rows] for block, rows in cuts]).reshape(-1, d),
        attributes,
        texts,
    )


def _coverage(state: _SensorState, group: _Group) -> Coverage | None:
    """Where and when the sensor looked. Nothing can be concluded from the silence of a cooperative receiver."""
    sensor = state.sensor
    if group.is_more or group.look is None or sensor.look_period_s is None or state.kind is MeasurementKind.REPORT:
        return None
    return Coverage(
        min(group.t_from_ns, group.t_to_ns - round(sensor.look_period_s * SECOND_NS)), group.t_to_ns,
        sensor.min_range_m, sensor.max_range_m, *sensor.azimuth_rad, *sensor.elevation_rad,
    )  # fmt: skip
