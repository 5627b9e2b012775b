"""One receiver's stream of Mode S frames into measurement batches. Beast bytes and JSON lines both end here."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lowsky.constants import SECOND_NS
from lowsky.model.measurement import Floats, Ints, Labels, MeasurementBatch, MeasurementKind, Reject
from lowsky.model.ports import Normalised
from lowsky.model.site import Sensor
from lowsky.wire.adsb import follow as f
from lowsky.wire.adsb.messages import CLASSES, read_messages
from lowsky.wire.adsb.modes import DECODE, address_text, screen

HEARING_M = 2_000_000.0
"""Where the site file gives no ``max_range_m``. One antenna on the ground hears no further than 580 km (the radio
horizon of 20 km height), but a feed may stand for a network of receivers, or for one that flies: the aircraft of the
Toulouse recording is heard all the way to London, 890 km from where it began."""
SWEEP_S = 10.0
MAX_SENDERS = 16_384
"""The least recently heard are forgotten beyond this: one receiver hears a few hundred; only a flood of made-up
addresses gets here, and costs 4 MB."""
MAX_TEXTS = 65_536
SIGMA_POSITION_M, SIGMA_VELOCITY_MPS = 50.0, 30.0
"""Where neither the sender nor the site file says how good a position or velocity is. The one such aircraft of the
Helsinki recording scatters by 8 m about a smooth line, but its velocity is off by 1.5 m/s for minutes: errors that
last count for more than their size, or the track drifts off its own reports (docs/decisions/0020)."""
BATCH_NS = 50_000_000
"""Recordings come in batches of this much time."""
BLOCK_NS, BLOCK_FRAMES = 10 * SECOND_NS, 4096
"""Recordings are decoded in blocks of at most this; the batches do not depend on it."""

ATTRIBUTE_COLUMNS = {
    "pressure_altitude_m": f.OUT_PRESSURE_ALTITUDE,
    "on_ground": f.OUT_ON_GROUND,
    "nic": f.OUT_NIC,
    "nac_p": f.OUT_NAC_P,
    "nac_v": f.OUT_NAC_V,
    "sil": f.OUT_SIL,
    "velocity_subtype": f.OUT_SUBTYPE,
    "mode_3a": f.OUT_MODE_3A,
}
"""Attribute of the batch -> column of ``follow``'s output. Columns with nothing in them are left out."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the site file says about the receiver. Angles in radians; sigmas are one standard deviation."""

    sensor: str
    latitude_rad: float
    longitude_rad: float
    height_m: float  # WGS-84 ellipsoidal; taken as the height of what is on the ground
    max_range_m: float  # infinite: HEARING_M
    sigma_position_m: float  # where the sender says nothing of its quality
    sigma_velocity_mps: float
    sigma_pressure_altitude_m: float  # of a pressure altitude taken as a height
    sigma_geoid_m: float  # of a height that may be above sea level

    def columns(self) -> Floats:
        """As ``follow`` wants it."""
        return np.array((
            math.degrees(self.latitude_rad), math.degrees(self.longitude_rad), self.height_m,
            HEARING_M if math.isinf(self.max_range_m) else self.max_range_m,
            self.sigma_position_m, self.sigma_velocity_mps, self.sigma_pressure_altitude_m, self.sigma_geoid_m,
        ))  # fmt: skip

    @classmethod
    def of(cls, sensor: Sensor, sigma_pressure_altitude_m: float, sigma_geoid_m: float) -> "Setting":
        return cls(
            sensor.id, sensor.latitude_rad, sensor.longitude_rad, sensor.height_m, sensor.max_range_m,
            SIGMA_POSITION_M if sensor.sigma_position_m is None else sensor.sigma_position_m,
            SIGMA_VELOCITY_MPS if sensor.sigma_velocity_mps is None else sensor.sigma_velocity_mps,
            sigma_pressure_altitude_m, sigma_geoid_m,
        )  # fmt: skip


class Frames(NamedTuple):
    """Mode S frames with their times. N frames."""

    length: NDArray[np.int64]  # int64[N]      2, 7 or 14 bytes
    payload: NDArray[np.uint8]  # uint8[N, 14] zeros behind ``length``
    t_meas_ns: Ints  # int64[N]
    t_recv_ns: Ints  # int64[N]

    def part(self, rows: slice) -> "Frames":
        return Frames(self.length[rows], self.payload[rows], self.t_meas_ns[rows], self.t_recv_ns[rows])


class Decoded(NamedTuple):
    """What became of N frames, R of which made a measurement."""

    verdict: NDArray[np.uint8]  # uint8[N]  ROW_MADE, HELD or the number of a Reject
    given_up: Ints  # int64[N]              halves held before that this frame let go
    frame: Ints  # int64[R]                 which frame made each row
    batch: MeasurementBatch | None  # R rows; None where R is 0


class Receiver:
    """Keeps what each sender said, so that the cut of the stream into calls makes no difference."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._columns = setting.columns()
        self._state: Floats = f.new_state(64)
        self._slot_of: dict[int, int] = {}
        self._free = list(range(63, -1, -1))
        self._start_ns: int | None = None
        self._swept_s = 0.0
        self._held = 0
        self._texts: list[str] = []
        self._number_of: dict[str, int] = {}

    @property
    def held(self) -> int:
        """Frames that wait for their other half now."""
        return self._held

    def step(self, frames: Frames) -> Normalised:
        """Decode frames in order. Never raises for any bytes."""
        done = self._decode(frames)
        batches = () if done.batch is None else (done.batch,)
        return self._counted(batches, done.verdict, done.given_up)

    def play(self, frames: Frames) -> Iterator[Normalised]:
        """The same for a stretch of a recording, in batches of 50 ms of its own time.

        What made no measurement is counted with the batch that follows.
        """
        done = self._decode(frames)
        if done.batch is None:
            yield self._counted((), done.verdict, done.given_up)
            return
        steps = done.batch.t_recv_ns // BATCH_NS
        edges = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(steps)]
        before = 0
        for start, end in pairwise(edges):
            after = len(done.verdict) if end == len(steps) else int(done.frame[end - 1]) + 1
            batch = done.batch.take(np.arange(start, end))
            yield self._counted((batch,), done.verdict[before:after], done.given_up[before:after])
            before = after

    def _counted(self, batches: tuple[MeasurementBatch, ...], verdict: NDArray[np.uint8], given_up: Ints) -> Normalised:
        counts = np.bincount(verdict, minlength=f.HELD + 1).tolist()
        rejected = Counter({reason: counts[reason] for reason in Reject if counts[reason]})
        n_unpaired = int(given_up.sum())
        if n_unpaired:
            rejected[Reject.UNPAIRED] += n_unpaired
        self._held += counts[f.HELD] - n_unpaired
        return Normalised(batches, len(verdict), rejected, self._held)

    def _decode(self, frames: Frames) -> Decoded:
        n = len(frames.length)
        verdict, address = screen(frames.payload, frames.length)
        given_up = np.zeros(n, np.int64)
        if not n:
            return Decoded(verdict, given_up, np.empty(0, np.int64), None)
        if self._start_ns is None:
            self._start_ns = int(frames.t_meas_ns[0])
        t_s = (frames.t_meas_ns - self._start_ns) / SECOND_NS
        given_up[0] = self._sweep(float(t_s[0]))
        rows = np.flatnonzero(verdict == DECODE)
        if not len(rows):
            return Decoded(verdict, given_up, rows, None)
        messages = read_messages(frames.payload[rows], self._number)
        out = np.full((len(rows), f.OUT_WIDTH), np.nan)
        made, lost = np.empty(len(rows), np.uint8), np.empty(len(rows), np.int64)
        f.follow(messages, self._slots(address[rows]), t_s[rows], self._state, self._columns, out, made, lost)
        verdict[rows] = made
        given_up[rows] += lost
        kept = np.flatnonzero(made == f.ROW_MADE)
        batch = self._batch(frames, rows[kept], address[rows[kept]], out[kept]) if len(kept) else None
        return Decoded(verdict, given_up, rows[kept], batch)

    def _number(self, text: str) -> float:
        number = self._number_of.get(text)
        if number is None:
            number = self._number_of[text] = len(self._texts)
            self._texts.append(text)
        return float(number)

    def _slots(self, senders: Ints) -> Ints:
        """Rows of the state for these senders."""
        slots = np.empty(len(senders), np.int64)
        for i, sender in enumerate(senders.tolist()):
            slot = self._slot_of.get(sender)
            slots[i] = self._new_slot(sender) if slot is None else slot
        return slots

    def _new_slot(self, sender: int) -> int:
        if not self._free:
            rows = len(self._state)
            self._state = np.concatenate((self._state, f.new_state(rows)))
            self._free = list(range(2 * rows - 1, rows - 1, -1))
        slot = self._slot_of[sender] = self._free.pop()
        return slot

    def _sweep(self, now_s: float) -> int:
        """Make room: forget the long silent and the oldest of too many, and halves too old for a pair.

        Returns the halves given up. But for a flood of senders this changes no measurement, for ``follow`` starts
        a long-silent sender anew and pairs no old half.
        """
        if abs(now_s - self._swept_s) < SWEEP_S and len(self._slot_of) <= MAX_SENDERS:
            return 0
        self._swept_s = now_s
        senders = np.fromiter(self._slot_of, np.int64, len(self._slot_of))
        slots = np.fromiter(self._slot_of.values(), np.int64, len(self._slot_of))
        silent_s = np.abs(now_s - self._state[slots, f.SEEN_S])
        oldest_first = np.lexsort((senders, -silent_s))
        n_gone = int(np.count_nonzero(silent_s > f.FORGET_S))
        if len(senders) > MAX_SENDERS:
            n_gone = max(n_gone, len(senders) - MAX_SENDERS // 2)
        gone = oldest_first[:n_gone]
        held_s = np.abs(now_s - self._state[slots, f.HELD_S])
        stale = ~np.isnan(self._state[slots, f.HELD_SPAN]) & (held_s > f.MAX_GROUND_PAIR_S)
        stale[gone] = ~np.isnan(self._state[slots[gone], f.HELD_SPAN])
        self._state[slots[stale], f.HELD_SPAN] = np.nan
        self._state[slots[gone]] = np.nan
        for sender, slot in zip(senders[gone].tolist(), slots[gone].tolist(), strict=True):
            del self._slot_of[sender]
            self._free.append(slot)
        if len(self._texts) > MAX_TEXTS:
            self._forget_texts()
        return int(np.count_nonzero(stale))

    def _forget_texts(self) -> None:
        """Keep only the texts some sender still has."""
        kept: list[str] = []
        for column in (f.CALLSIGN, f.STATE):
            for row in np.flatnonzero(~np.isnan(self._state[:, column])).tolist():
                kept.append(self._texts[int(self._state[row, column])])
                self._state[row, column] = len(kept) - 1
        self._texts = kept
        self._number_of = {text: number for number, text in enumerate(kept)}

    def _batch(self, frames: Frames, rows: Ints, senders: Ints, out: Floats) -> MeasurementBatch:
        """Columns of the messages that made a measurement: ``rows`` of the frames, ``out`` of ``follow``."""
        z = np.ascontiguousarray(out[:, : f.OUT_UP + 1])
        sigma = out[:, SIGMA_OF_Z]
        sigma[np.isnan(z)] = np.nan
        empty: list[bool] = np.logical_and.reduce(np.isnan(out)).tolist()
        attributes = {name: np.ascontiguousarray(out[:, k]) for name, k in ATTRIBUTE_COLUMNS.items() if not empty[k]}
        codes, addresses = _coded(senders.tolist())
        texts = {"identity": Labels(codes, tuple(address_text(address) for address in addresses))}
        for name, column, words in (
            ("class", f.OUT_CLASS, CLASSES), ("callsign", f.OUT_CALLSIGN, self._texts),
            ("status", f.OUT_STATE, self._texts),
        ):  # fmt: skip
            if not empty[column]:
                codes, numbers = _coded(out[:, column].tolist())
                texts[name] = Labels(codes, tuple(words[int(number)] for number in numbers))
        return MeasurementBatch(
            self._setting.sensor, MeasurementKind.REPORT,
            frames.t_meas_ns[rows], frames.t_recv_ns[rows], z, sigma,
            attributes=attributes, texts=texts,
        )  # fmt: skip


SIGMA_OF_Z = np.array((
    f.OUT_SIGMA_POSITION, f.OUT_SIGMA_POSITION, f.OUT_SIGMA_HEIGHT,
    f.OUT_SIGMA_VELOCITY, f.OUT_SIGMA_VELOCITY, f.OUT_SIGMA_UP,
))  # fmt: skip


def _coded(values: list[Any]) -> tuple[NDArray[np.int32], list[Any]]:
    """Each value's number in order of first appearance, −1 for NaN; and the values by number.

    A loop, because batches are small: NumPy's way costs 0.1 ms whatever the size.
    """
    index: dict[Any, int] = {}
    codes = [-1 if value != value else index.setdefault(value, len(index)) for value in values]
    return np.array(codes, np.int32), list(index)


def play(receiver: Receiver, parts: Iterable[Frames]) -> Iterator[Normalised]:
    """A recording in batches of 50 ms of its own time. ``parts`` are its frames in order, cut anyhow.

    The batches are the same however the parts were cut.
    """
    for block in _blocks(parts):
        yield from receiver.play(block)


def _blocks(parts: Iterable[Frames]) -> Iterator[Frames]:
    """Cut where ten seconds of the recording's time end, and at 4096 frames: it depends on the frames alone."""
    kept: list[Frames] = []
    n_kept = 0
    for part in parts:
        start = 0
        blocks = part.t_meas_ns // BLOCK_NS
        for end in [*(np.flatnonzero(np.diff(blocks)) + 1).tolist(), len(blocks)]:
            if end == start:
                continue
            piece = part.part(slice(start, end))
            start = end
            if n_kept and kept[0].t_meas_ns[0] // BLOCK_NS != piece.t_meas_ns[0] // BLOCK_NS:
                yield _joined(kept)
                kept, n_kept = [], 0
            kept.append(piece)
            n_kept += len(piece.length)
            while n_kept >= BLOCK_FRAMES:
                whole = _joined(kept)
                yield whole.part(slice(0, BLOCK_FRAMES))
                kept, n_kept = [whole.part(slice(BLOCK_FRAMES, None))], n_kept - BLOCK_FRAMES
    if n_kept:
        yield _joined(kept)


def _joined(parts: list[Frames]) -> Frames:
    return parts[0] if len(parts) == 1 else Frames(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@cache
def warm_up() -> None:
    """Compile the kernels now, or load them from disk, so that the first frame does not wait for it."""
    example = bytes.fromhex("8d4840d6202cc371c32ce0576098")  # an identification message
    now_ns = np.zeros(1, np.int64)
    setting = Setting("", 0.0, 0.0, 0.0, HEARING_M, SIGMA_POSITION_M, SIGMA_VELOCITY_MPS, 1.0, 1.0)
    payload = np.frombuffer(bytearray(example), np.uint8).reshape(1, 14)
    Receiver(setting).step(Frames(np.array([14]), payload, now_ns, now_ns))
