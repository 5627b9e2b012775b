"""An occurrence as plain JSON values, for every output that sends JSON: degrees, RFC 3339, text made fit to show.

What came over the air is cut and freed of control characters here; that it is hostile in HTML or SQL is the receiver's
to know. What is not known is left out, never 0.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from lowsky.model.occurrence import Occurrence, Subject
from lowsky.model.output import Output
from lowsky.wire.shown import shown

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TITLE_CHARACTERS, WHY_CHARACTERS = 200, 1_000


def datetime_of(t_ns: int) -> datetime:
    """UTC, to the millisecond."""
    return EPOCH + timedelta(milliseconds=t_ns // 1_000_000)


def rfc3339(t_ns: int) -> str:
    """UTC with milliseconds."""
    return datetime_of(t_ns).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None and value != []}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


def _degrees(value: float | None) -> float | None:
    return None if value is None else _rounded(math.degrees(value), 7)


def subject_facts(subject: Subject, output: Output | None = None) -> dict[str, Any]:
    facts = {
        "track_id": subject.track_id,
        "latitude_deg": _degrees(subject.latitude_rad),
        "longitude_deg": _degrees(subject.longitude_rad),
        "height_m": _rounded(subject.height_m, 1),
        "radius_95_m": _rounded(subject.radius_95_m, 1),
        "height_95_m": _rounded(subject.height_95_m, 1),
        "east_mps": _rounded(subject.east_mps, 2),
        "north_mps": _rounded(subject.north_mps, 2),
        "up_mps": _rounded(subject.up_mps, 2),
        "existence": _rounded(subject.existence, 4),
        "class": subject.class_name,
        "class_probability": _rounded(subject.class_probability, 4),
        "identity": shown(subject.identity),
        "identity_state": subject.identity_state,
        "sensors": [shown(sensor) for sensor in subject.sensors],
    }
    if output is not None and output.operator_positions:
        facts["operator_latitude_deg"] = _degrees(subject.operator_latitude_rad)
        facts["operator_longitude_deg"] = _degrees(subject.operator_longitude_rad)
    return _known(facts)


def facts(occurrence: Occurrence, output: Output | None = None) -> dict[str, Any]:
    """All of it. ``output`` says whether operators' positions are in it; None: they are not."""
    o = occurrence
    return _known(
        {
            "id": o.name,
            "alert": o.key,
            "alert_id": o.alert_id,
            "change": o.change,
            "time": rfc3339(o.t_ns),
            "raised": rfc3339(o.raised_ns),
            "priority": o.priority,
            "title": shown(o.title, TITLE_CHARACTERS),
            "cause": shown(o.cause, TITLE_CHARACTERS),
            "by": shown(o.by),
            "until": None if o.until_ns is None else rfc3339(o.until_ns),
            "why": shown(o.why, WHY_CHARACTERS),
            "checks": [
                _known({
                    "what": shown(c.what), "value": _plain(c.value), "needs": _plain(c.needs), "unit": c.unit or None
                })
                for c in o.checks
            ],
            "rule": shown(o.rule),
            "zones": [shown(zone) for zone in o.zones],
            "sensor": shown(o.sensor),
            "count": o.count,
            "tracks": [subject_facts(subject, output) for subject in o.subjects],
            "references": [f"{o.series}-{reference.number}" for reference in o.references],
            "site": shown(o.site),
        }
    ) | {"exercise": o.is_exercise, "repeat": o.is_repeat}  # fmt: skip


def _plain(value: float | str | None) -> float | str | None:
    return shown(value) if isinstance(value, str) else _rounded(value, 6)
