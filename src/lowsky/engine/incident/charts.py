"""The map and the plots of a bundle's report."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.evaluate.drawing import Drawing
from lowsky.evaluate.figures import Figure
from lowsky.evaluate.plot import TOP, Axes, ground_map, lines, top_of
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import DRONES, ObjectClass
from lowsky.model.measurement import Floats
from lowsky.model.zone import Zone
from lowsky.outputs.cap.outline import capsules
from lowsky.wire.shown import shown

if TYPE_CHECKING:
    from lowsky.engine.incident.replaying import Row
    from lowsky.engine.incident.report import Story

STYLES = ("line-three", "line-one", "line-two", "line-four")
CHI2_95 = 5.991464547107979  # χ² of two degrees of freedom
SIGMAS_95 = 1.959963984540054
REGION_EVERY_S = 10
MOST_OTHERS = 300  # tracks drawn beside the incident's
OTHER_CLASSES = {
    "a drone": [kind.label for kind in DRONES],
    "bird or flock": [ObjectClass.BIRD.label, ObjectClass.FLOCK.label],
    "aircraft or balloon": [
        kind.label
        for kind in (ObjectClass.AEROPLANE, ObjectClass.HELICOPTER, ObjectClass.PARAGLIDER, ObjectClass.BALLOON)
    ],
}


def charts(story: "Story") -> list[Figure]:
    """The map first."""
    drawn = [_map(story)]
    shown_ids = story.of_incident[: len(STYLES)]
    if shown_ids:
        drawn += [_existence(story, shown_ids), _classes(story, shown_ids[0]), _speed(story, shown_ids[0])]
        height = _height(story, shown_ids[0])
        drawn += [] if height is None else [height]
    return drawn


def _path(rows: list["Row"]) -> Floats:
    """East and north m, float64[n, 2]; NaN where the place is not known."""
    return np.array([row.x[:2] if row.position == "point" else [None, None] for row in rows], float).reshape(-1, 2)


def _map(story: "Story") -> Figure:
    frame = EnuFrame.at(story.site.latitude_rad, story.site.longitude_rad, story.site.height_m)
    its = story.of_incident
    others = [n for n in story.rows if n not in set(its)]
    others = sorted(others, key=lambda n: -len(story.rows[n]))[:MOST_OTHERS]
    layers = [(style, [path for n in numbers if len(path := _placed(story.rows[n]))])
              for style, numbers in (("three", its), ("one", others))]  # fmt: skip
    areas = [("zone", shown(zone.label or zone.id, 40) or "", ring) for zone in story.site.zones
             for ring in _outlines(zone, frame, story.site.height_m)]  # fmt: skip
    areas += [("region-other", "", region) for n in others for region in _regions(_seen_last(story.rows[n]), 1)]
    areas += [("region", "", region) for n in its for region in _regions(story.rows[n], REGION_EVERY_S)]
    places = {sensor.id: frame.pos_enu(*(np.float64(v) for v in (  # type: ignore[arg-type]
        sensor.latitude_rad, sensor.longitude_rad, sensor.height_m)))[:2] for sensor in story.site.sensors}  # fmt: skip
    places = {shown(name, 40) or "": place for name, place in places.items()}
    key = (
        ("path-three", "the incident's objects"), ("region", "95 % region, every 10 s"), ("path-one", "other tracks"),
        ("zone", "zones"),
    )  # fmt: skip
    return Figure("map", "Map", ground_map(layers, places, "Map of the incident", areas), key)


def _seen_last(rows: list["Row"]) -> list["Row"]:
    """The last row that a sensor fed: what is only predicted may be anywhere."""
    return [row for row in rows if row.status != "coasting" and row.sensors][-1:]


def _placed(rows: list["Row"]) -> Floats:
    path = _path(rows)
    return path[np.isfinite(path).all(axis=1)]


def _regions(rows: list["Row"], every_s: int) -> Iterator[Floats]:
    """Outlines within which the object is with 95 %, as it was held possible."""
    angles = np.linspace(0.0, 2.0 * math.pi, 33)[:-1]
    circle = np.column_stack((np.cos(angles), np.sin(angles)))
    for row in rows:
        if row.position != "point" or row.t_ns // SECOND_NS % every_s or None in (*row.x[:2], *row.p[:7]):
            continue
        values, vectors = np.linalg.eigh(np.array([[row.p[0], row.p[1]], [row.p[1], row.p[6]]], float))
        if values.min() <= 0.0:
            continue
        yield np.asarray(np.array(row.x[:2], float) + circle * np.sqrt(CHI2_95 * values) @ vectors.T, np.float64)


def _outlines(zone: Zone, frame: EnuFrame, height_m: float) -> list[Floats]:
    """On the ground plane, m."""
    latitude, longitude = np.array(zone.corners, float).T
    plane = np.ascontiguousarray(frame.pos_enu(latitude, longitude, np.full(len(latitude), height_m))[:, :2])
    if zone.shape == "polygon":
        return [plane]
    if zone.shape == "circle":
        angles = np.linspace(0.0, 2.0 * math.pi, 65)[:-1]
        return [plane[0] + zone.reach_m * np.column_stack((np.cos(angles), np.sin(angles)))]
    return capsules(plane, zone.reach_m, 64)


def _seconds(story: "Story") -> Floats:
    span = story.manifest.slice
    whole = np.arange(span.from_ns // SECOND_NS, span.to_ns // SECOND_NS + 1)
    return np.asarray(whole - span.from_ns / SECOND_NS, np.float64)


def _over(story: "Story", rows: list["Row"], values: list[float]) -> Floats:
    """One value a second of the slice; NaN where the track was not there."""
    out = np.full(len(_seconds(story)), np.nan)
    first = story.manifest.slice.from_ns // SECOND_NS
    for row, value in zip(rows, values, strict=True):
        at = row.t_ns // SECOND_NS - first
        if 0 <= at < len(out):
            out[at] = value
    return out


def _drawing(
    story: "Story", curves: list[tuple[str, Floats]], top: float, label: str, band: tuple[Floats, Floats] | None = None
) -> Drawing:
    x = _seconds(story)
    axes = Axes(0.0, max(float(x[-1]), 1.0), top, "seconds", label)
    out = lines(x, curves, axes, label, band)
    at = axes.x((story.manifest.alert.raised_ns - story.manifest.slice.from_ns) / 1e9)
    out.line("guide", np.array([at, at]), np.array([TOP, axes.y(0.0)]))
    out.text("label", at + 4.0, TOP + 11.0, "alert")
    return out


def _existence(story: "Story", numbers: list[int]) -> Figure:
    curves = [(style, _over(story, story.rows[n], [row.existence for row in story.rows[n]]))
              for style, n in zip(STYLES, numbers)]  # fmt: skip
    key = tuple((style, f"T{n}") for style, n in zip(STYLES, numbers))
    more = len(story.of_incident) - len(numbers)
    title = "Is it there? (probability)" + (f", {len(numbers)} of {len(numbers) + more} objects" if more else "")
    return Figure("existence", title, _drawing(story, curves, 1.0, "probability of existence"), key)


def _classes(story: "Story", number: int) -> Figure:
    rows = story.rows[number]
    curves, key = [], []
    for style, (name, labels) in zip(STYLES, OTHER_CLASSES.items()):
        curves.append((style, _over(story, rows, [sum(row.classes.get(c, 0.0) for c in labels) for row in rows])))
        key.append((style, name))
    named = {c for labels in OTHER_CLASSES.values() for c in labels}
    rest = [sum(p for c, p in row.classes.items() if c not in named) for row in rows]
    curves.append((STYLES[3], _over(story, rows, rest)))
    key.append((STYLES[3], "anything else, or unknown"))
    return Figure(
        "classes", f"What is T{number}? (probability)", _drawing(story, curves, 1.0, "probability"), tuple(key)
    )


def _with_band(story: "Story", rows: list["Row"], values: Floats, sigma: Floats, label: str) -> Drawing:
    """One curve and what is known of it with 95 %."""
    edges = (values - SIGMAS_95 * sigma, values, values + SIGMAS_95 * sigma)
    low, middle, high = (_over(story, rows, column.tolist()) for column in edges)
    top = top_of(np.minimum(high, 2.0 * np.nanmax(middle, initial=1.0)))
    return _drawing(story, [("line-three", middle)], top, label, (low, high))


def _speed(story: "Story", number: int) -> Figure:
    rows = [row for row in story.rows[number] if None not in (*row.x, *row.p)]
    velocity = np.array([row.x[3:5] for row in rows], float).reshape(-1, 2)
    speed = np.hypot(*velocity.T)
    # along the way it goes: the variance of the speed, to first order; p[15], p[16], p[18] are those of the velocity
    along = velocity / np.maximum(speed, 1e-9)[:, None]
    a, b, c = np.array([[row.p[15], row.p[16], row.p[18]] for row in rows], float).reshape(-1, 3).T
    variance = along[:, 0] ** 2 * a + 2 * along[:, 0] * along[:, 1] * b + along[:, 1] ** 2 * c
    drawing = _with_band(story, rows, speed, np.sqrt(np.maximum(variance, 0.0)), "m/s")
    return Figure("speed", f"Speed over ground of T{number}", drawing, (("line-three", "estimate"), ("band", "95 %")))


def _height(story: "Story", number: int) -> Figure | None:
    rows = [row for row in story.rows[number] if row.height_m is not None and row.p[11] is not None]
    if not rows:
        return None
    height = np.array([row.height_m for row in rows], float)
    sigma = np.sqrt(np.maximum(np.array([row.p[11] for row in rows], float), 0.0))
    drawing = _with_band(story, rows, height, sigma, "m above the ellipsoid")
    return Figure("height", f"Height of T{number}", drawing, (("line-three", "estimate"), ("band", "95 %")))
