"""Binary frames of the stream: a keyframe holds every track, a delta what changed since the client's last frame."""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.engine.hub import Picture
from lowsky.errors import DecodeError, Truncated, Unsupported
from lowsky.geo.enu import EnuFrame
from lowsky.model.measurement import Ints
from lowsky.model.site import Site
from lowsky.model.track import TrackSnapshot
from lowsky.serve.columns import COLUMNS, HEADER, HEADER_BYTES, KEYFRAME, MAGIC, ROW_BYTES, VERSION
from lowsky.serve.encode import DTYPE, rows_of
from lowsky.wire.shown import shown

STATE_REFRESH_NS = 1_000_000_000  # a state that only moved on by prediction is sent again after this
EXISTENCE_STEP = 0.02
REMOVALS_KEPT = 20_000
BASE_LIMIT_NS = 20 * 86_400_000_000_000  # int32 milliseconds reach 24.8 days
_NONE = np.empty(0, np.int64)
_WHOLE = np.dtype((np.void, ROW_BYTES))  # a row as one item: NumPy copies a structure field by field
LABEL_TEXTS = ("callsign", "self_id", "status")
_NO_TEXTS: tuple[str | None, ...] = (None,) * (2 + len(LABEL_TEXTS))
UNSURE = " ?"
CONTRADICTED = " ≠"  # behind a name that is not believed; colour is not the only sign
"""Behind every declared text of a track whose identity may be another's."""


@dataclass(frozen=True, slots=True)
class Label:
    """Texts of one track that came over the air, made fit to show; ``version`` says when they last changed."""

    version: int
    identity: str | None
    texts: tuple[str | None, ...]  # LABEL_TEXTS


class Encoder:
    """The newest picture in wire form, shared by every client.

    Each row keeps the version at which it last changed in a way worth sending, so a client needs only the
    version of its last frame. Used from one thread (the server's loop).
    """

    def __init__(self) -> None:
        self.version = 0
        self.epoch = 0  # ours: also counts when the time base moves
        self.picture: Picture | None = None
        self.rows: NDArray[np.void] = np.zeros(0, DTYPE)
        self.labels: dict[int, Label] = {}
        self.labels_version = 0
        self._raw: dict[int, tuple[str | None, ...]] = {}  # texts as they came, by id
        self._unsure: Ints = np.empty(0, np.int64)
        self._words: tuple[object, object] = (None, None)  # of the newest snapshot whose texts were noted
        self._row_version: Ints = _NONE
        self._ids: Ints = _NONE
        self._sent: TrackSnapshot | None = None  # newest snapshot seen
        self._sent_state_ns: Ints = _NONE  # of each row as encoded
        self._sent_existence = np.empty(0)
        self._alerted: NDArray[np.bool_] = np.empty(0, bool)
        # ring of (version, id), in one piece from the start: as objects they kept memory growing for an hour
        self._removed: Ints = np.full((REMOVALS_KEPT, 2), 0, np.int64)
        self._removals = 0  # of this time base
        self._frame = EnuFrame.at(0.0, 0.0, 0.0)
        self._t_base_ns = 0

    def update(self, picture: Picture) -> None:
        """Take in a picture. Cost follows the rows that changed."""
        old = self.picture
        if old is picture:
            return
        self.version += 1
        if (
            old is None
            or old.epoch != picture.epoch
            or _is_elsewhere(old.site, picture.site)
            or abs(picture.snapshot.t_ns - self._t_base_ns) > BASE_LIMIT_NS
        ):
            self._begin(picture)
        self.picture = picture
        snapshot = picture.snapshot
        kept = self._match(snapshot)
        alerted = self._alerted_rows(picture, snapshot)
        fresh = np.flatnonzero(self._changed(snapshot, kept, alerted))
        same = kept >= 0
        self._note_removed(snapshot)
        rows = np.zeros(len(snapshot), DTYPE)
        version = np.full(len(snapshot), self.version, np.int64)
        state_ns, existence = snapshot.t_state_ns.copy(), snapshot.existence.copy()
        for new, previous in (
            (rows.view(_WHOLE), self.rows.view(_WHOLE)), (version, self._row_version),
            (state_ns, self._sent_state_ns), (existence, self._sent_existence),
        ):  # fmt: skip
            new[same] = previous[kept[same]]
        made = rows_of(snapshot, fresh, self._frame, picture.sensors, self._t_base_ns, alerted[fresh])
        rows.view(_WHOLE)[fresh] = made.view(_WHOLE)
        version[fresh] = self.version
        state_ns[fresh], existence[fresh] = snapshot.t_state_ns[fresh], snapshot.existence[fresh]
        self.rows, self._row_version, self._ids = rows, version, snapshot.track_id
        self._sent, self._sent_state_ns, self._sent_existence = snapshot, state_ns, existence
        self._alerted = alerted
        self._note_labels(snapshot)

    def _begin(self, picture: Picture) -> None:
        """Time starts anew: forget every row."""
        self.epoch = (self.epoch + 1) & 0xFFFFFFFF
        site = picture.site
        self._frame = EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
        self._t_base_ns = picture.snapshot.t_ns
        self.rows, self._row_version, self._ids = np.zeros(0, DTYPE), _NONE, _NONE
        self._sent, self._sent_state_ns, self._sent_existence = None, _NONE, np.empty(0)
        self._alerted = np.empty(0, bool)
        self._removed[:], self._removals = 0, 0
        self.labels.clear()
        self._raw.clear()
        self._words = (None, None)

    def _match(self, snapshot: TrackSnapshot) -> Ints:
        """For each row of the snapshot its row in the last one, or -1. Both are in order of track_id."""
        if not len(self._ids):
            return np.full(len(snapshot), -1, np.int64)
        at = np.minimum(np.searchsorted(self._ids, snapshot.track_id), len(self._ids) - 1)
        return np.where(self._ids[at] == snapshot.track_id, at, -1)

    def _alerted_rows(self, picture: Picture, snapshot: TrackSnapshot) -> NDArray[np.bool_]:
        named = [alert.track_id for alert in picture.alerts if alert.track_id is not None and alert.cleared_ns is None]
        return np.isin(snapshot.track_id, named) if named else np.zeros(len(snapshot), bool)

    def _changed(self, snapshot: TrackSnapshot, kept: Ints, alerted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """New rows, and rows whose measurement, status, sensors, alert or existence moved; also old predictions."""
        changed = kept < 0
        last = self._sent
        if last is None or changed.all():
            return changed
        at = np.maximum(kept, 0)
        changed |= snapshot.t_update_ns != last.t_update_ns[at]
        changed |= snapshot.status != last.status[at]
        changed |= snapshot.position_kind != last.position_kind[at]
        changed |= snapshot.sensors != last.sensors[at]
        changed |= alerted != self._alerted[at]
        changed |= snapshot.is_unsure() != last.is_unsure()[at]
        changed |= snapshot.identity_state != last.identity_state[at]
        changed |= np.abs(snapshot.existence - self._sent_existence[at]) > EXISTENCE_STEP
        changed |= snapshot.t_state_ns - self._sent_state_ns[at] >= STATE_REFRESH_NS
        return changed

    def _note_removed(self, snapshot: TrackSnapshot) -> None:
        if np.array_equal(self._ids, snapshot.track_id):
            return
        gone = np.setdiff1d(self._ids, snapshot.track_id, assume_unique=True)
        at = (self._removals + np.arange(len(gone))) % REMOVALS_KEPT
        self._removed[at, 0], self._removed[at, 1] = self.version, gone
        self._removals += len(gone)
        for track_id in gone.tolist():
            self.labels.pop(track_id, None)
            self._raw.pop(track_id, None)

    def _note_labels(self, snapshot: TrackSnapshot) -> None:
        words = snapshot.identity, snapshot.texts
        unsure = np.where(snapshot.is_contradicted(), 2, snapshot.is_unsure().astype(np.int64))
        if words[0] is self._words[0] and words[1] is self._words[1] and np.array_equal(unsure, self._unsure):
            return  # the tracker hands out the same objects while no word and no track changes
        self._words, self._unsure = words, unsure
        none = (None,) * len(snapshot)
        mark = [(None, UNSURE, CONTRADICTED)[doubt] for doubt in unsure.tolist()]
        texts = list(zip(mark, snapshot.identity, *(snapshot.texts.get(name, none) for name in LABEL_TEXTS)))
        for raw, track_id in zip(texts, snapshot.track_id.tolist()):
            if self._raw.get(track_id, _NO_TEXTS) == raw:
                continue
            self._raw[track_id] = raw
            said = [text and f"{text}{raw[0] or ''}" for text in (shown(text) for text in raw[1:])]
            self.labels[track_id] = Label(self.version, said[0], tuple(said[1:]))
            self.labels_version = self.version

    def frame(self, since: int, seq: int, t_sent_ns: int) -> bytes:
        """The frame for a client whose last frame was of version ``since`` (0: a keyframe)."""
        picture = self.picture
        if picture is None:
            raise ValueError("no picture yet")
        # where all places are taken, the next one to be written over is the oldest; else it is 0
        oldest_removal = int(self._removed[self._removals % REMOVALS_KEPT, 0])
        if since <= oldest_removal:
            return pack(self.rows, (), KEYFRAME, seq, t_sent_ns, self.head(picture))
        at = np.flatnonzero(self._removed[:, 0] > since)
        newest_first = at[np.argsort(-((at - self._removals) % REMOVALS_KEPT))]
        removed = tuple(self._removed[newest_first, 1].tolist())
        rows = self.rows[self._row_version > since]
        return pack(rows, removed, 0, seq, t_sent_ns, self.head(picture))

    def head(self, picture: Picture) -> dict[str, Any]:
        """Header fields that belong to the picture."""
        return {
            "t_data": picture.snapshot.t_ns / 1e9,
            "t_recv": picture.recv_ns / 1e9,
            "t_base": self._t_base_ns / 1e9,
            "epoch": self.epoch,
            "total": len(picture.snapshot),
        }


def _is_elsewhere(old: Site, new: Site) -> bool:
    """Another site, and not the same one with other zones (which keeps its sensors as they are)."""
    if old is new:
        return False
    a, b = ((s.name, s.latitude_rad, s.longitude_rad, s.height_m) for s in (old, new))
    return old.sensors is not new.sensors or a != b


def pack(
    rows: NDArray[np.void], removed: tuple[int, ...], flags: int, seq: int, t_sent_ns: int, head: dict[str, Any]
) -> bytes:
    """Header, columns one after the other, removed ids."""
    values = head | {
        "version": VERSION, "flags": flags, "rows": len(rows), "seq": seq & 0xFFFFFFFF,
        "t_sent": t_sent_ns / 1e9, "removed": len(removed),
    }  # fmt: skip
    header = bytearray(HEADER_BYTES)
    header[:4] = MAGIC
    for name, offset, kind in HEADER:
        struct.pack_into("<" + kind, header, offset, values[name])
    parts = [bytes(header)]
    parts += [rows[column.name].tobytes() for column in COLUMNS]
    # the byte columns may end anywhere: the ids start on a multiple of four
    parts.append(bytes(-(ROW_BYTES * len(rows)) % 4))
    parts.append(np.array([i & 0xFFFFFFFF for i in removed], "<u4").tobytes())
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame read back: what the page's ``frame.js`` does, for tests and for Python clients."""

    header: dict[str, Any]
    columns: dict[str, NDArray[Any]]  # in units of the table; float64, NaN where missing
    removed: NDArray[np.uint32]


def unpack(payload: bytes) -> Decoded:
    """Decode a frame. Raises ``Truncated`` or ``Unsupported`` for bytes that are not one."""
    if len(payload) < HEADER_BYTES:
        raise Truncated("frame shorter than its header", len(payload), payload)
    if payload[:4] != MAGIC:
        raise Unsupported("not a frame", 0, payload)
    header = {name: struct.unpack_from("<" + kind, payload, offset)[0] for name, offset, kind in HEADER}
    if header["version"] != VERSION:
        raise Unsupported("frame version", 4, payload)
    n = header["rows"]
    size = HEADER_BYTES + ROW_BYTES * n
    size += -(ROW_BYTES * n) % 4 + 4 * header["removed"]
    if len(payload) < size:
        raise Truncated("frame shorter than its rows", len(payload), payload)
    if len(payload) > size:
        raise DecodeError("bytes after the frame", size, payload)
    at, columns = HEADER_BYTES, {}
    for column in COLUMNS:
        raw = np.frombuffer(payload, column.wire, n, at)
        at += raw.nbytes
        value = raw.astype(np.float64) * column.scale
        if column.missing is not None:
            value[raw == column.missing] = np.nan
        columns[column.name] = value
    at += -at % 4
    return Decoded(header, columns, np.frombuffer(payload, "<u4", header["removed"], at))
