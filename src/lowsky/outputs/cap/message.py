"""One change of an alert as one CAP 1.2 message: Alert, then Updates, then Cancel, each naming those before it.

Everything is a function of the occurrence and the site file, so a message that is sent again, or after a restart, is
the same message: same identifier, same ``sent``, same references. A repeat differs by one ``<code>``.

Source: OASIS CAP-v1.2 (1 July 2010), section 3.2; the order of elements is that of its schema.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree

import lowsky
from lowsky.constants import SECOND_NS
from lowsky.model.classes import COVERS, ObjectClass
from lowsky.model.occurrence import Occurrence, Reference, Subject
from lowsky.model.output import Output
from lowsky.model.site import Site
from lowsky.outputs.cap.areas import MOST_ZONES, Area, area_of, regions_of
from lowsky.outputs.cap.config import TOLD, Config
from lowsky.outputs.cap.scale import Scale, approach_of, scale
from lowsky.outputs.cap.texts import DEFAULT_LANGUAGE, filled
from lowsky.wire.shown import REPLACEMENT, shown

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MOST_REFERENCES = 50  # of an alert that changes for days: the first and the newest
MOST_NAME = 80  # characters of a zone's, a sensor's or an object's name
REPEAT = "lowsky:repeat"
DRONES = {c.label for c in (ObjectClass.DRONE, *COVERS[ObjectClass.DRONE])}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ABSURD = 1e7  # m, m/s: whoever says more says nothing
AGES_S = (-62_135_596_800, 253_402_214_400)  # the years 1 and 9999: what can be written


@dataclass(frozen=True, slots=True)
class Composer:
    """What stays the same from message to message. ``texts``: of each language, as ``texts.languages_of`` has them."""

    config: Config
    output: Output
    site: Site
    texts: tuple[dict[str, Any], ...]
    areas: dict[str, Area]

    @classmethod
    def of(cls, config: Config, output: Output, site: Site, known: dict[str, dict[str, Any]]) -> "Composer":
        """``known``: every language there is."""
        chosen = tuple(known.get(name, known[DEFAULT_LANGUAGE]) for name in config.languages)
        return cls(config, output, site, chosen, {zone.id: area_of(zone) for zone in site.zones})

    def tells(self, told: Occurrence | Reference, is_of_sensor: bool) -> bool:
        return told.change in TOLD and (self.config.sensors or not is_of_sensor) and self.output.wants(told)

    def message(self, told: Occurrence) -> etree._Element | None:
        """The ``alert`` element, not signed yet. None where nobody is to be told, or was."""
        if not self.tells(told, told.sensor is not None):
            return None
        before = [r for r in told.references if self.tells(r, told.sensor is not None)]
        if told.is_open:
            kind = "Update" if before else "Alert"
        elif before:
            kind = "Cancel"
        else:
            return None
        alert = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})
        _add(alert, self._head(told, kind, before))
        for texts in self.texts:
            self._info(alert, told, texts)
        return alert

    def _head(self, told: Occurrence, kind: str, before: list[Reference]) -> Iterator[tuple[str, str | None]]:
        config = self.config
        yield "identifier", identifier(told.series, told.number)
        yield "sender", config.sender
        yield "sent", written_time(told.t_ns)
        yield "status", "Exercise" if told.is_exercise else "Test" if config.test else "Actual"
        yield "msgType", kind
        yield "source", f"lowsky {lowsky.__version__}, {shown(told.site, MOST_NAME)}"
        yield "scope", config.scope
        yield "restriction", config.restriction if config.scope == "Restricted" else None
        yield "addresses", " ".join(f'"{a}"' if " " in a else a for a in config.addresses) or None
        yield "code", REPEAT if told.is_repeat else None
        yield "note", self.texts[0]["exercise_note"] if told.is_exercise else None
        yield "references", " ".join(self._reference(told.series, r) for r in _bounded(before)) or None
        yield "incidents", identifier(*told.key.rsplit("-", 1))

    def _reference(self, series: str, r: Reference) -> str:
        return f"{self.config.sender},{identifier(series, r.number)},{written_time(r.t_ns)}"

    def _info(self, alert: etree._Element, told: Occurrence, texts: dict[str, Any]) -> None:
        words, level = Words(texts, told, self.config.identities), scale(told)
        info = etree.SubElement(alert, f"{{{NAMESPACE}}}info")
        _add(info, self._facts(told, level, words))
        for name, value in self._parameters(told):
            parameter = etree.SubElement(info, f"{{{NAMESPACE}}}parameter")
            _add(parameter, [("valueName", f"lowsky:{name}"), ("value", value)])
        areas = self.areas | {zone.id: area_of(zone) for zone in told.put_zones}
        for name in told.zones[-MOST_ZONES:]:  # the newest
            if name in areas:
                self._area(info, shown(name, MOST_NAME) or name, areas[name])
        regions = regions_of(told.subjects)
        if regions and told.is_open:
            self._area(info, texts["region"], Area(circles=regions))

    def _facts(self, told: Occurrence, level: Scale, words: "Words") -> Iterator[tuple[str, str | None]]:
        config, texts = self.config, words.texts
        yield "language", texts["language"]
        for category in ["Infra"] if told.sensor is not None else config.categories:
            yield "category", category
        yield "event", words.event()
        yield "responseType", _response(told)
        yield "urgency", level.urgency
        yield "severity", level.severity
        yield "certainty", level.certainty
        yield "effective", written_time(told.t_ns)
        yield "expires", written_time(told.t_ns + round(config.expires_s * SECOND_NS))
        yield "senderName", config.sender_name
        yield "headline", words.headline()
        yield "description", words.description()
        is_about_it = told.sensor is None
        yield "instruction", texts["instruction"]["open" if told.is_open else "over"] if is_about_it else None
        yield "web", config.web
        yield "contact", config.contact

    def _parameters(self, told: Occurrence) -> Iterator[tuple[str, str]]:
        """What a program reads; English words, the same in every language. Free text may name who claims what."""
        yield "alert", told.key
        yield "change", told.change
        yield "priority", told.priority
        yield "count", str(told.count)
        free = [("title", told.title, 200), ("why", told.why, 1000)] if self.config.identities else []
        for name, value, most in (("rule", told.rule, MOST_NAME), ("sensor", told.sensor, MOST_NAME), *free):
            if value:
                yield name, shown(value, most) or ""
        for subject in told.subjects[:1]:
            yield "class", shown(subject.class_name, MOST_NAME) or ""
            yield "identity_state", shown(subject.identity_state, MOST_NAME) or ""
            if _is_known(subject.class_probability):
                yield "class_probability", f"{subject.class_probability:.3f}"
        if told.subjects:
            yield "tracks", " ".join(f"T{subject.track_id}" for subject in told.subjects)

    def _area(self, info: etree._Element, description: str, area: Area) -> None:
        polygons, circles = [("polygon", p) for p in area.polygons], [("circle", c) for c in area.circles]
        _add(etree.SubElement(info, f"{{{NAMESPACE}}}area"), [("areaDesc", description), *polygons, *circles])


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one message in one language."""

    texts: dict[str, Any]
    told: Occurrence
    says_identity: bool

    def event(self) -> str:
        kind = "sensor" if self.told.sensor is not None else "drone" if self._class() in DRONES else "object"
        return str(self.texts["event"][kind])

    def headline(self) -> str:
        told, headlines = self.told, self.texts["headline"]
        if not told.is_open:
            template = headlines["over"]
        else:
            template = headlines["higher" if told.change in ("raised-higher", "escalated") else "open"]
        said = filled(template, what=self._what(), place=self._place()).strip()
        return filled(self.texts["exercise"], headline=said) if told.is_exercise else said

    def description(self) -> str:
        lines = [self.texts["exercise_note"]] if self.told.is_exercise else []
        return "\n".join([*lines, *self._lines()])

    def _class(self) -> str:
        return self.told.subjects[0].class_name if self.told.subjects else "unknown"

    def _what(self) -> str:
        if self.told.sensor is not None:
            return self._line("sensor", sensor=shown(self.told.sensor, MOST_NAME) or "").rstrip(".")
        name = self._class()
        what = str(self.texts["class"].get(name, shown(name, MOST_NAME)))
        return filled(self.texts["several"], count=str(self.told.count), what=what) if self.told.count > 1 else what

    def _place(self) -> str:
        if self.told.sensor is not None:
            return ""
        if not self.told.zones:
            return str(self.texts["place"]["nowhere"])
        approach = approach_of(self.told)
        zone = self.told.zones[-1] if approach is None else approach.zone  # the newest
        key = "towards" if approach is not None and approach.in_s != 0.0 else "inside"
        return filled(self.texts["place"][key], zones=shown(zone, MOST_NAME) or "")

    def _line(self, name: str, **values: str) -> str:
        return filled(self.texts["line"][name], **values)

    def _lines(self) -> Iterator[str]:
        told = self.told
        if not told.is_open:
            yield self._line("over")
        if told.sensor is not None:
            yield self._line("sensor", sensor=shown(told.sensor, MOST_NAME) or "")
            yield shown(told.title, 200) or ""
        for subject in told.subjects[:1]:
            yield from self._of(subject)
        approach = approach_of(told)
        if told.is_open and approach is not None and approach.in_s:
            yield self._line(
                "arrival", zone=shown(approach.zone, MOST_NAME) or "", seconds=_whole(approach.in_s),
                percent=_percent(approach.probability),
            )  # fmt: skip

    def _of(self, s: Subject) -> Iterator[str]:
        yield self._line("object", what=self._what(), percent=_percent(s.class_probability))
        if _is_known(s.latitude_rad, s.longitude_rad):
            yield self._line(
                "position", latitude=f"{math.degrees(s.latitude_rad or 0.0):.5f}",
                longitude=f"{math.degrees(s.longitude_rad or 0.0):.5f}", radius=_whole(s.radius_95_m),
                time=written_time(self.told.t_ns)[11:19],
            )  # fmt: skip
        if _is_known(s.height_m):
            height = _whole(s.height_m)
            yield self._line("height", height=f"{height} ± {_whole(s.height_95_m)}" if s.height_95_m else height)
        if _is_known(s.east_mps, s.north_mps):
            east, north = s.east_mps or 0.0, s.north_mps or 0.0
            direction = self.texts["directions"][round(math.atan2(east, north) / (0.25 * math.pi)) % 8]
            yield self._line("motion", direction=direction, speed=f"{math.hypot(east, north):.0f}")
        yield self._line(s.identity_state if s.identity_state in self.texts["line"] else "anonymous")
        if self.says_identity and s.identity:
            yield self._line("identity", identity=shown(s.identity) or "")
        if s.sensors:
            yield self._line("sensors", count=str(len(s.sensors)))


def identifier(series: str, number: int | str) -> str:
    return f"lowsky-{series}-{number}"


def written_time(t_ns: int) -> str:
    """UTC as CAP wants it: whole seconds, "-00:00" and never "Z"."""
    second = min(max(t_ns // SECOND_NS, AGES_S[0]), AGES_S[1])
    return (EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S-00:00").rjust(25, "0")


def _response(told: Occurrence) -> str:
    if not told.is_open:
        return "AllClear"
    return "Avoid" if told.priority == "high" and told.sensor is None else "Monitor"


def _bounded(references: list[Reference]) -> list[Reference]:
    if len(references) <= MOST_REFERENCES:
        return references
    return [references[0], *references[1 - MOST_REFERENCES :]]


def _is_known(*values: float | None) -> bool:
    return all(value is not None and abs(value) < ABSURD for value in values)  # not so for NaN


def _whole(value: float | None) -> str:
    return f"{value:.0f}" if value is not None and _is_known(value) else "?"


def _percent(p: float | None) -> str:
    """Never 0 or 100 of what is not certain."""
    if p is None or math.isnan(p):
        return "?"
    return f"{min(max(100.0 * p, 1.0), 99.0):.0f}"


def _add(parent: etree._Element, children: Iterable[tuple[str, str | None]]) -> None:
    for name, text in children:
        if text is not None:
            etree.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = fit(text)


def fit(text: str) -> str:
    """For XML: without what it cannot hold. Lines stay lines."""
    return "".join(c if c == "\n" or (c >= " " and not _is_outside(ord(c))) else REPLACEMENT for c in text)


def _is_outside(code: int) -> bool:
    """Of XML 1.0, 2.2 (Char)."""
    return 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF)
