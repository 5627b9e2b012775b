"""The table as everybody else sees it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.motion import predict_tracks
from lowsky.model.classes import ObjectClass
from lowsky.model.measurement import ATTRIBUTES, TEXTS, Floats, Ints
from lowsky.model.track import Moving, PositionKind, TrackSnapshot, TrackStatus
from lowsky.track.along import common_covariance
from lowsky.track.core import Core
from lowsky.track.lasting import considered
from lowsky.track.settings import HOVER, STEADY
from lowsky.track.wedges import Wedge, existence

FED_WITHIN_NS = 10_000_000_000  # docs/contract: "which sensors fed it in the last 10 s"
WORDS = (*(name for name in TEXTS if name != "identity"), "identity_reason")
COLUMNS = (
    "track_id", "t_ns", "t_update_ns", "xm", "Pm", "r", "status", "t_hit_ns", "attributes", "serial", "lag_var",
    "doubt", "identity_state", "identity_since_ns", "group_count", "group_sigma",
)  # fmt: skip


@dataclass(slots=True)
class Picture:
    """Copies out what a snapshot needs; keeps words between snapshots while nothing in them changed."""

    dropped: dict[str, NDArray[Any]] = field(default_factory=dict)  # columns of tracks that just ended
    dropped_words: list[tuple[str | None, dict[str, str]]] = field(default_factory=list)
    _key: tuple[int, bytes] = (-1, b"")
    _identity: tuple[str | None, ...] = ()
    _texts: dict[str, tuple[str | None, ...]] = field(default_factory=dict)

    def keep_dropped(self, core: Core, rows: Ints) -> None:
        """Remember rows that are about to be removed, for one snapshot."""
        table = core.table
        self.dropped = {name: getattr(table, name)[rows] for name in COLUMNS}
        self.dropped["status"][:] = TrackStatus.DROPPED
        self.dropped_words = []
        for serial in self.dropped["serial"].tolist():
            facts = table.facts.get(serial)
            self.dropped_words.append((facts.identity, dict(facts.texts)) if facts else (None, {}))

    def snapshot(self, core: Core, live: list[Wedge], dropped: list[Wedge], at_ns: int | None = None) -> TrackSnapshot:
        """``at_ns`` moves every live track that is older to that time, by prediction; the table stays as it is."""
        table = core.table
        rows = np.flatnonzero(table.track_id[: table.n] > 0)
        rows = rows[np.argsort(table.track_id[rows], kind="stable")]
        columns = {name: getattr(table, name)[rows] for name in COLUMNS}
        if at_ns is not None and len(rows):
            predict_tracks(
                np.arange(len(rows)), np.full(len(rows), at_ns), columns["t_ns"], table.x[rows], table.P[rows],
                table.mu[rows], table.share[rows], columns["xm"], columns["Pm"], core.G, core.motion, core.share_birth,
                1.0 / core.settings.behaviour_lasts_s,
            )  # fmt: skip
        if table.lean.shape[1] and len(rows):
            columns["Pm"] += considered(core, rows, (columns["t_ns"] - table.t_ns[rows]) * 1e-9)
        if len(self.dropped_words):
            columns = {name: np.concatenate((columns[name], self.dropped[name])) for name in COLUMNS}
        wedges = [w for w in live if w.track_id] + dropped
        if wedges:
            extra = wedge_columns(core, wedges)
            columns = {name: np.concatenate((columns[name], extra[name])) for name in COLUMNS}
        if columns["lag_var"].any():
            columns["Pm"][:, :3, :3] += common_covariance(columns["xm"], columns["lag_var"])
        n, n_wedge = len(columns["track_id"]), len(wedges)
        behaviour = np.concatenate((behaviours(core, rows), np.full((n - len(rows), 2), np.nan)))
        order = np.argsort(columns["track_id"], kind="stable")
        if np.any(order[1:] < order[:-1]):
            columns = {name: column[order] for name, column in columns.items()}
            behaviour = behaviour[order]
        kind = np.full(n, PositionKind.POINT, np.uint8)
        origin, bearing = np.full(n, -1, np.int16), np.full((n, 2), np.nan)
        if wedges:
            at = np.empty(n, np.int64)
            at[order] = np.arange(n)
            at = at[n - n_wedge :]
            kind[at] = PositionKind.WEDGE
            origin[at] = [w.sensor for w in wedges]
            bearing[at] = [(w.azimuth, w.p_aa**0.5) for w in wedges]
        sensors = np.zeros(n, np.uint64)
        fed = (columns["t_hit_ns"] > 0) & (core.now_ns - columns["t_hit_ns"] <= FED_WITHIN_NS)
        for k in range(fed.shape[1]):
            sensors |= fed[:, k].astype(np.uint64) << np.uint64(k)
        probability = np.zeros((n, len(ObjectClass)))
        probability[:, ObjectClass.UNKNOWN] = 1.0
        self._refresh_words(core, columns["serial"])
        given = np.isfinite(columns["attributes"]).any(axis=0) if n else np.zeros(len(ATTRIBUTES), np.bool_)
        return TrackSnapshot(
            t_ns=core.now_ns, track_id=columns["track_id"], t_state_ns=columns["t_ns"],
            t_update_ns=columns["t_update_ns"], x=columns["xm"], P=columns["Pm"], existence=columns["r"],
            status=columns["status"], position_kind=kind, sensors=sensors, origin_sensor=origin, bearing=bearing,
            class_probability=probability, identity=self._identity, texts=self._texts,
            identity_probability=np.where([w is not None for w in self._identity], 1.0 - columns["doubt"], np.nan),
            identity_state=columns["identity_state"], identity_since_ns=columns["identity_since_ns"],
            group_count=np.where(columns["group_count"] > 0.0, columns["group_count"], np.nan),
            group_sigma=np.where(columns["group_count"] > 0.0, columns["group_sigma"], np.nan), behaviour=behaviour,
            attributes={
                name: np.ascontiguousarray(columns["attributes"][:, k])
                for k, name in enumerate(ATTRIBUTES) if given[k]
            },
        )  # fmt: skip

    def _refresh_words(self, core: Core, serial: Ints) -> None:
        key = (core.text_version, serial.tobytes())
        if key == self._key:
            return
        self._key = key
        ended = dict(zip(self.dropped["serial"].tolist(), self.dropped_words, strict=True)) if self.dropped else {}
        identity: list[str | None] = [None] * len(serial)
        texts: dict[str, list[str | None]] = {}
        known = core.table.facts
        for k, s in enumerate(serial.tolist()):
            facts = known.get(s)
            if facts is None and s not in ended:
                continue
            identity[k], words = (facts.identity, facts.texts) if facts else ended[s]
            for name, text in words.items():
                if name not in texts:
                    texts[name] = [None] * len(serial)
                texts[name][k] = text
        self._identity = tuple(identity)
        self._texts = {name: tuple(texts[name]) for name in WORDS if name in texts}

    def dump(self) -> list[Any]:
        return [{name: c.tobytes() for name, c in self.dropped.items()}, [list(w) for w in self.dropped_words]]

    def load(self, saved: list[Any], core: Core) -> None:
        words = saved[1]
        self.dropped = {
            name: np.frombuffer(raw, core.table.specs[name][0]).reshape(len(words), *core.table.specs[name][1]).copy()
            for name, raw in saved[0].items()
        }
        self.dropped_words = [(identity, texts) for identity, texts in words]
        self._key = (-1, b"")


def behaviours(core: Core, rows: Ints) -> Floats:
    """float64[N, 2] of rows of the table: probability that it is on its way, and that it hovers; NaN where the site's
    settings know no such behaviour or mode."""
    out, settings, table = np.full((len(rows), 2), np.nan), core.settings, core.table
    ways, modes = [b.name for b in settings.behaviours], [m.name for m in settings.modes]
    if STEADY.name in ways:
        out[:, 0] = (table.mu[rows] * table.share[rows][:, :, ways.index(STEADY.name)]).sum(axis=1)
    if HOVER.name in modes:
        out[:, 1] = table.mu[rows, modes.index(HOVER.name)]
    return out


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """Every row of the table, candidates that nobody is shown too."""

    track_id: Ints  # int64[N], 0: a candidate
    x: Floats  # float64[N, 6] m, m/s in the site's frame
    existence: Floats  # float64[N]


def hypotheses(core: Core, at_ns: int) -> Hypotheses:
    """The whole table as copies; rows older than ``at_ns`` are predicted to it."""
    table = core.table
    rows = np.arange(table.n)
    x, P = table.xm[rows], table.Pm[rows]
    if len(rows):
        predict_tracks(
            rows, np.full(len(rows), at_ns), table.t_ns[rows], table.x[rows], table.P[rows], table.mu[rows],
            table.share[rows], x, P, core.G, core.motion, core.share_birth, 1.0 / core.settings.behaviour_lasts_s,
        )  # fmt: skip
    return Hypotheses(table.track_id[rows], x, table.r[rows])


AGILE_FROM = 5.0
"""Horizontal acceleration density, m²/s³, from which a mode is one of manoeuvres."""


def moving(core: Core, track_id: Ints) -> Moving:
    """The table's states of shown tracks, as they are; modes by what they do: hover, straight on, turn, agile."""
    table = core.table
    rows = np.flatnonzero(np.isin(table.track_id[: table.n], track_id))
    rows = rows[np.argsort(table.track_id[rows], kind="stable")]
    does = np.zeros((len(core.settings.modes), 4))
    for m, mode in enumerate(core.settings.modes):
        agile = 3 if mode.q_horizontal >= AGILE_FROM else 1
        does[m, 0 if mode.damping_horizontal > 0.0 else 2 if mode.turn_mps2 else agile] = 1.0
    return Moving(
        table.track_id[rows], table.t_ns[rows], table.xm[rows], table.Pm[rows], table.mu[rows] @ does,
        core.mu_birth @ does, table.reports[rows] > 0,
    )  # fmt: skip


def wedge_columns(core: Core, wedges: list[Wedge]) -> dict[str, NDArray[Any]]:
    """Rows for wedges in the table's columns: mean at a stated range along the bearing, spread to match."""
    stations = {s.index: s for s in core.stations.values()}
    specs = core.table.specs
    columns: dict[str, NDArray[Any]] = {
        name: np.zeros((len(wedges), *specs[name][1]), specs[name][0]) for name in COLUMNS
    }
    columns["attributes"][:] = np.nan
    range_m = core.settings.wedge_range_m
    for k, wedge in enumerate(wedges):
        station = stations[wedge.sensor]
        along = np.array([np.sin(wedge.azimuth), np.cos(wedge.azimuth), 0.0]) @ station.C[0]
        across = np.array([np.cos(wedge.azimuth), -np.sin(wedge.azimuth), 0.0]) @ station.C[0]
        columns["xm"][k, :3] = station.origin[0] + range_m * along
        spread = range_m * max(wedge.p_aa**0.5, 1e-3)
        P = np.eye(6) * 100.0**2  # nothing is known of height and velocity
        P[:3, :3] += (0.5 * range_m) ** 2 * np.outer(along, along)
        P[:3, :3] += (spread**2 - 100.0**2) * np.outer(across, across) if spread > 100.0 else 0.0
        columns["Pm"][k] = P
        columns["track_id"][k], columns["serial"][k] = wedge.track_id, -wedge.track_id
        columns["t_ns"][k] = columns["t_update_ns"][k] = columns["t_hit_ns"][k, wedge.sensor] = wedge.t_ns
        columns["r"][k], columns["status"][k] = existence(wedge), wedge.status
    return columns
