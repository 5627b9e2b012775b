"""CoT events of objects, their operators and alerts. Occurrence or object in, XML out.

``ce`` and ``le`` are one standard deviation (MITRE's Event schema: "one sigma point for a zero mean normal
distribution"), so the circle of a Subject is made smaller by what 95 % are of it. What is not known is 9999999.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lxml import etree

from lowsky.model.occurrence import Occurrence, Seen, Subject
from lowsky.model.site import Site
from lowsky.outputs.cot.kinds import ALERT, ALERT_OVER, OPERATOR, type_of
from lowsky.wire.shown import shown

UNKNOWN = 9_999_999.0
HOW = "m-f"  # made by a machine from several sources
ROUND_95 = 2.447747  # radius in σ of the circle that holds a round error with 0.95
TWO_SIDED_95 = 1.959964
MOST_REMARKS = 600  # characters
MOST_NAME = 80
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AGES_MS = (0, 4_102_444_800_000)  # 1970 to 2100: what protobuf and every client can hold


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a site wants to be seen. ``prefix`` makes ids unique among everybody who sends to the same server."""

    prefix: str
    stale_s: float = 10.0
    alert_stale_s: float = 3600.0
    civil: bool = False
    identities: bool = True
    operators: bool = False


def written_time(t_ns: int, after_s: float = 0.0) -> str:
    """UTC with milliseconds and a Z."""
    ms = min(max(t_ns // 1_000_000 + round(1000.0 * after_s), AGES_MS[0]), AGES_MS[1])
    return (EPOCH + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def objects(seen: Seen, drawing: Drawing) -> Iterator[etree._Element]:
    """Every object of a picture that has a place; behind it its operator, where the site says so."""
    for subject in seen.subjects:
        place = place_of(subject)
        if place is None:
            continue
        yield object_event(subject, place, seen, drawing)
        if drawing.operators:
            operator = _operator_event(subject, seen, drawing)
            if operator is not None:
                yield operator


@dataclass(frozen=True, slots=True)
class Place:
    latitude_deg: float
    longitude_deg: float
    hae: float = UNKNOWN
    ce: float = UNKNOWN
    le: float = UNKNOWN


def place_of(s: Subject) -> Place | None:
    if not _is_place(s.latitude_rad, s.longitude_rad):
        return None
    return Place(
        math.degrees(s.latitude_rad or 0.0),
        math.degrees(s.longitude_rad or 0.0),
        s.height_m if _is_known(s.height_m) and s.height_m is not None else UNKNOWN,
        _sigma(s.radius_95_m, ROUND_95),
        _sigma(s.height_95_m, TWO_SIDED_95) if _is_known(s.height_m) else UNKNOWN,
    )


def _sigma(half_width: float | None, sigmas: float) -> float:
    if half_width is None or not 0.0 <= half_width < UNKNOWN:  # not so for NaN
        return UNKNOWN
    return half_width / sigmas


def object_event(s: Subject, place: Place, seen: Seen, drawing: Drawing) -> etree._Element:
    name, stale = f"T{s.track_id}", written_time(seen.t_ns, drawing.stale_s)
    event = _event(f"{drawing.prefix}.{name}", type_of(s, drawing.civil), seen.t_ns, stale, place, seen.is_exercise)
    detail = etree.SubElement(event, "detail")
    called = _marked(f"{name} {shown(s.class_name, MOST_NAME)}", seen.is_exercise)
    etree.SubElement(detail, "contact", callsign=called)
    _track(detail, s)
    _remark(detail, _remarks(s, drawing, seen.is_exercise))
    _facts(detail, s, "alerted" if s.track_id in seen.alerted else None)
    return event


def _track(detail: etree._Element, s: Subject) -> None:
    if s.east_mps is None or s.north_mps is None or not _is_known(s.east_mps, s.north_mps):
        return
    course = math.degrees(math.atan2(s.east_mps, s.north_mps)) % 360.0
    etree.SubElement(detail, "track", course=f"{course:.1f}", speed=f"{math.hypot(s.east_mps, s.north_mps):.2f}")


def _operator_event(s: Subject, seen: Seen, drawing: Drawing) -> etree._Element | None:
    if not _is_place(s.operator_latitude_rad, s.operator_longitude_rad):
        return None
    place = Place(math.degrees(s.operator_latitude_rad or 0.0), math.degrees(s.operator_longitude_rad or 0.0))
    stale = written_time(seen.t_ns, drawing.stale_s)
    event = _event(f"{drawing.prefix}.T{s.track_id}.operator", OPERATOR, seen.t_ns, stale, place, seen.is_exercise)
    detail = etree.SubElement(event, "detail")
    etree.SubElement(detail, "contact", callsign=_marked(f"T{s.track_id} operator", seen.is_exercise))
    _link(detail, f"{drawing.prefix}.T{s.track_id}", type_of(s, drawing.civil))
    _remark(detail, "where the drone says that its pilot is; a claim, not a measurement")
    return event


def alert_event(told: Occurrence, site: Site, drawing: Drawing) -> etree._Element:
    """An alert keeps its id through its life. Over: the same id, as TAK cancels an alarm."""
    first = next((s for s in told.subjects if place_of(s) is not None), None)
    place = (place_of(first) if first is not None else None) or _about(told, site)
    kind = ALERT if told.is_open else ALERT_OVER
    stale = written_time(told.t_ns, drawing.alert_stale_s if told.is_open else drawing.stale_s)
    event = _event(f"{drawing.prefix}.alert.{told.key}", kind, told.t_ns, stale, place, told.is_exercise)
    detail = etree.SubElement(event, "detail")
    called = _marked(f"lowsky {told.priority}", told.is_exercise)
    etree.SubElement(detail, "contact", callsign=shown(called, MOST_NAME) or "")
    emergency = etree.SubElement(detail, "emergency")
    if told.is_open:
        emergency.set("type", "Geo-fence Breached")
    else:
        emergency.set("cancel", "true")
    emergency.text = shown(called, MOST_NAME)
    for subject in told.subjects:
        _link(detail, f"{drawing.prefix}.T{subject.track_id}", type_of(subject, drawing.civil))
    _remark(detail, _alert_remarks(told, drawing))
    own = etree.SubElement(detail, "__lowsky", alert=told.key, occurrence=told.name, change=told.change)
    own.set("priority", shown(told.priority, MOST_NAME) or "")
    if told.is_repeat:
        own.set("repeat", "true")
    return event


def _about(told: Occurrence, site: Site) -> Place:
    """Where an alert is put that no object has a place of: at its sensor, in its zone, or at the site."""
    for sensor in site.sensors:
        if sensor.id == told.sensor:
            return Place(math.degrees(sensor.latitude_rad), math.degrees(sensor.longitude_rad), sensor.height_m)
    for zone in (*site.zones, *told.put_zones):
        if zone.id in told.zones[-1:]:
            return Place(math.degrees(zone.corners[0][0]), math.degrees(zone.corners[0][1]))
    return Place(math.degrees(site.latitude_rad), math.degrees(site.longitude_rad), site.height_m)


def _event(uid: str, kind: str, t_ns: int, stale: str, place: Place, is_exercise: bool) -> etree._Element:
    t = written_time(t_ns)
    event = etree.Element("event", version="2.0", uid=uid, type=kind, time=t, start=t, stale=stale, how=HOW)
    if is_exercise:
        event.set("opex", "e")
    point = etree.SubElement(event, "point")
    point.set("lat", f"{place.latitude_deg:.7f}")
    point.set("lon", f"{(place.longitude_deg + 180.0) % 360.0 - 180.0:.7f}")
    for name, value in (("hae", place.hae), ("ce", place.ce), ("le", place.le)):
        point.set(name, f"{value:.1f}")
    return event


def _marked(name: str, is_exercise: bool) -> str:
    return f"EXERCISE {name}" if is_exercise else name


def _remark(detail: etree._Element, text: str) -> None:
    etree.SubElement(detail, "remarks").text = text if len(text) <= MOST_REMARKS else text[: MOST_REMARKS - 1] + "…"


def _remarks(s: Subject, drawing: Drawing, is_exercise: bool) -> str:
    parts = ["EXERCISE, not real"] if is_exercise else []
    p = s.class_probability
    share = f", {p:.0%}" if p is not None and 0.0 <= p <= 1.0 else ""
    parts.append(f"{shown(s.class_name, MOST_NAME)}{share}")
    claim = f" {shown(s.identity)}" if s.identity and drawing.identities else ""
    if s.identity_state != "none" or claim:
        state = {"none": ""}.get(s.identity_state, f" ({shown(s.identity_state, MOST_NAME)})")
        parts.append(f"claims to be{claim or ' somebody'}{state}")
    if s.sensors:
        parts.append("seen by " + ", ".join(shown(sensor, MOST_NAME) or "" for sensor in s.sensors[:10]))
    return "; ".join(parts)


def _alert_remarks(told: Occurrence, drawing: Drawing) -> str:
    parts = ["EXERCISE, not real"] if told.is_exercise else []
    parts += ["repeat: may have been sent before"] if told.is_repeat else []
    word = told.change if told.change in ("raised", "cleared") else f"open, {told.change}"
    parts.append(f"{told.priority} alert {word}")
    if drawing.identities:  # free text may name who claims what
        parts += [told.title, told.why]
    elif told.zones:
        parts.append("zone " + told.zones[-1])
    if told.count > 1:
        parts.append(f"{told.count} objects")
    return "; ".join(shown(part, MOST_REMARKS) or "" for part in parts if part)


def _facts(detail: etree._Element, s: Subject, alerted: str | None) -> None:
    """What programs of ours, and whoever likes, read; clients pass it on."""
    own = etree.SubElement(detail, "__lowsky", track=str(s.track_id))
    own.set("class", shown(s.class_name, MOST_NAME) or "")
    own.set("identity", shown(s.identity_state, MOST_NAME) or "")
    for name, value in (("probability", s.class_probability), ("existence", s.existence)):
        if value is not None and _is_known(value):
            own.set(name, f"{value:.3f}")
    if alerted:
        own.set("alerted", "true")


def _link(detail: etree._Element, uid: str, kind: str) -> None:
    etree.SubElement(detail, "link", uid=uid, type=kind, relation="p-p")


def _is_known(*values: float | None) -> bool:
    return all(value is not None and abs(value) < UNKNOWN for value in values)  # not so for NaN


def _is_place(latitude_rad: float | None, longitude_rad: float | None) -> bool:
    if latitude_rad is None or longitude_rad is None:
        return False
    return abs(latitude_rad) <= 0.5 * math.pi and abs(longitude_rad) <= 2.0 * math.pi  # not so for NaN
