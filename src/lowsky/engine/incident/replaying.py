"""A slice of a recording through the pipeline: its events, and the tracks at each whole second, as plain facts."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.engine.pipeline import Pipeline
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import ObjectClass
from lowsky.model.events import AnyEvent, Event
from lowsky.model.ports import Tick
from lowsky.model.site import Site
from lowsky.model.track import PositionKind, TrackSnapshot, TrackStatus

LABELS = [kind.label for kind in ObjectClass]
_UPPER = np.triu_indices(6)

NEAR = 1e-3
"""Metres, metres per second and their (co)variances: processors may differ in the last digits of a float …"""
NEAR_P = 1e-6
"""… and so may probabilities. Everything else has to be the same."""


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One track at one whole second. ``x`` is east, north, up m and m/s from the site's origin, ``p`` the upper
    triangle of its covariance row by row; a bearing's are those a guess and no place. None: not known."""

    t_ns: int
    id: int
    status: str
    position: str  # point, wedge (bearing only), ring (range only)
    latitude_deg: float | None
    longitude_deg: float | None
    height_m: float | None
    existence: float
    classes: dict[str, float]
    x: list[float | None]
    p: list[float | None]
    bearing: list[float | None]  # of a wedge: azimuth and 1σ, rad
    sensors: list[str]
    identity: str | None


def rows_of(tracks: TrackSnapshot, site: Site, frame: EnuFrame) -> Iterator[Row]:
    """In order of their numbers."""
    geodetic = frame.geodetic(tracks.x[:, :3]) if len(tracks) else np.empty((0, 3))
    for k in range(len(tracks)):
        is_point = tracks.position_kind[k] == PositionKind.POINT
        bits, p_class = int(tracks.sensors[k]), tracks.class_probability[k].tolist()
        place = [math.degrees(geodetic[k, 0]), math.degrees(geodetic[k, 1]), float(geodetic[k, 2])]
        latitude, longitude, height = _known(place) if is_point else [None] * 3
        yield Row(
            t_ns=tracks.t_ns, id=int(tracks.track_id[k]), status=TrackStatus(tracks.status[k]).label,
            position=PositionKind(tracks.position_kind[k]).name.lower(),
            latitude_deg=latitude, longitude_deg=longitude, height_m=height, existence=float(tracks.existence[k]),
            classes={label: p for label, p in zip(LABELS, p_class, strict=True) if p > 0.0},
            x=_known(tracks.x[k].tolist()), p=_known(tracks.P[k][_UPPER].tolist()),
            bearing=_known(tracks.bearing[k].tolist()),
            sensors=[sensor.id for index, sensor in enumerate(site.sensors) if bits >> index & 1],
            identity=tracks.identity[k],
        )  # fmt: skip


def _known(values: list[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]


@dataclass(slots=True)
class Replayed:
    """What a slice gives."""

    events: list[Event] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    sensors: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # UTC ns, sensor -> status, at changes
    zones: Site | None = None  # the site with the zones put over the API, at the slice's end


def pipeline_at(site: Site, state: bytes | None) -> Pipeline:
    """Raises ``ValueError`` where the state is of another version or site, or no state."""
    pipeline = Pipeline(site)
    if state is not None:
        pipeline.load(state)
    return pipeline


def replay(ticks: Iterable[Tick], site: Site, pipeline: Pipeline) -> Replayed:
    """Every tick through the pipeline."""
    out, frame = Replayed(), EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)
    statuses: dict[str, str] = {}
    for tick in ticks:
        out.events += pipeline.step(tick)
        if tick.batch is None and not tick.actions and tick.t_ns % SECOND_NS == 0:
            out.rows += rows_of(pipeline.snapshot(tick.t_ns), site, frame)
            now = {status.id: status.status for status in pipeline.sensors}
            if now != statuses:
                statuses = now
                out.sensors.append((tick.t_ns, now))
    out.zones = pipeline.site
    return out


def lines_of(facts: Iterable[Any]) -> bytes:
    """JSON lines."""
    encoder = msgspec.json.Encoder()
    return b"".join(encoder.encode(fact) + b"\n" for fact in facts)


def read_rows(content: bytes) -> list[Row]:
    """Raises ``msgspec.DecodeError``."""
    return msgspec.json.Decoder(Row).decode_lines(content)


def read_events(content: bytes) -> list[Event]:
    """Raises ``msgspec.DecodeError``."""
    return list(msgspec.json.Decoder(AnyEvent).decode_lines(content))


@dataclass(frozen=True, slots=True)
class Comparison:
    """``wrong``: the first thing that is another, in words; None: all is the same. ``is_exact``: to the last bit."""

    wrong: str | None
    is_exact: bool


def compare_events(said: list[Event], found: list[Event]) -> Comparison:
    for was, now in zip(said, found):
        if was != now:
            name = type(was).__name__
            how = _first_difference(was, now) if type(was) is type(now) else f"the replay gives {type(now).__name__}"
            return Comparison(f"events.jsonl: event {was.seq} ({name}, {clock(was.t_event_ns)} UTC): {how}", False)
    return Comparison(_count("events.jsonl", "events", len(said), len(found)), len(said) == len(found))


def compare_rows(said: list[Row], found: list[Row]) -> Comparison:
    for was, now in zip(said, found):
        if was != now and (how := _far(was, now)):
            return Comparison(f"tracks.jsonl: track T{was.id} at {clock(was.t_ns)} UTC: {how}", False)
    return Comparison(_count("tracks.jsonl", "rows of tracks", len(said), len(found)), said == found)


def _count(name: str, what: str, said: int, found: int) -> str | None:
    return None if said == found else f"{name}: has {said:,} {what}, the replay gives {found:,}"


def _first_difference(was: msgspec.Struct, now: msgspec.Struct) -> str:
    name = next(n for n in was.__struct_fields__ if getattr(was, n) != getattr(now, n))
    return f"{name} was {str(getattr(was, name))[:80]}, the replay gives {str(getattr(now, name))[:80]}"


def _far(was: Row, now: Row) -> str | None:
    """What differs by more than the last digits of a float may."""
    for name in ("t_ns", "id", "status", "position", "sensors", "identity"):
        if getattr(was, name) != getattr(now, name):
            return _first_difference(was, now)
    numbers: list[tuple[str, float | None, float | None, float]] = [
        ("existence", was.existence, now.existence, NEAR_P),
        ("height_m", was.height_m, now.height_m, NEAR),
        ("latitude_deg", was.latitude_deg, now.latitude_deg, NEAR / 1e5),
        ("longitude_deg", was.longitude_deg, now.longitude_deg, NEAR / 1e5),
    ]
    for name in was.classes.keys() | now.classes.keys():
        numbers.append((f"probability of {name}", was.classes.get(name, 0.0), now.classes.get(name, 0.0), NEAR_P))
    for name, near in (("x", NEAR), ("p", NEAR), ("bearing", NEAR_P)):
        a, b = getattr(was, name), getattr(now, name)
        if len(a) != len(b):
            return f"{name} has {len(a)} numbers, the replay gives {len(b)}"
        numbers += [(f"{name}[{k}]", u, v, near) for k, (u, v) in enumerate(zip(a, b, strict=True))]
    for name, u, v, near in numbers:
        if (u is None) != (v is None) or (
            u is not None and v is not None and not abs(u - v) <= near * max(1.0, abs(u))
        ):
            return f"{name} was {u}, the replay gives {v}"
    return None


def clock(t_ns: int) -> str:
    """Time of day, UTC, to the second."""
    second = t_ns // SECOND_NS % 86_400
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
