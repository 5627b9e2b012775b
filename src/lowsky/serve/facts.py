"""The picture as plain values for the HTTP interface: GeoJSON, one track's card, health."""

import math
from typing import Any

import msgspec

import lowsky
from lowsky.classify.verdict import verdict
from lowsky.engine.hub import Picture
from lowsky.model.classes import ObjectClass
from lowsky.model.evidence import EvidenceKind, kinds_for
from lowsky.model.output import OutputStatus
from lowsky.model.track import IdentityState, TrackSnapshot, TrackStatus
from lowsky.serve.columns import Affiliation
from lowsky.serve.frame import LABEL_TEXTS, Decoded, Encoder, unpack
from lowsky.serve.state import masked, sensor_facts
from lowsky.wire.shown import shown

PERSONAL = ("operator_latitude_rad", "operator_longitude_rad")  # never leave through the page


def health(picture: Picture | None, now_ns: int) -> dict[str, Any]:
    """``degraded`` as soon as one sensor or the recording is not well, or there is no picture."""
    facts: dict[str, Any] = {"now": now_ns / 1e9, "version": lowsky.__version__}
    if picture is None:
        return facts | {"status": "degraded", "sensors": [], "tracks": 0, "mode": "live", "t": None}
    sensors = [
        {
            "id": shown(sensor.id),
            "status": sensor.status,
            "last_seen": None if sensor.last_seen_ns is None else sensor.last_seen_ns / 1e9,
            "rate_hz": round(float(sensor.rate_hz), 2),
            "detail": shown(sensor.detail, 200),
            "counts": sensor.counts,
        }
        for sensor in picture.sensors
    ]
    good = not picture.trouble and all(sensor.status == "ok" for sensor in picture.sensors)
    return facts | {
        "status": "ok" if good else "degraded",
        "sensors": sensors,
        "tracks": len(picture.snapshot),
        "mode": picture.mode,
        "t": picture.snapshot.t_ns / 1e9,
        "late": msgspec.structs.asdict(picture.reprocessing),
        "outputs": [output_facts(output) for output in picture.outputs],
        "exercise": picture.site.exercise,
    }


def output_facts(output: OutputStatus) -> dict[str, Any]:
    facts = msgspec.structs.asdict(output)
    times = {name.removesuffix("_ns"): facts.pop(name) for name in ("oldest_ns", "last_sent_ns")}
    facts |= {name: None if t_ns is None else t_ns / 1e9 for name, t_ns in times.items()}
    return facts | {"id": shown(output.id), "trouble": shown(output.trouble, 200)}


def _known(value: float, digits: int = 3) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None


class Table:
    """The newest picture as decoded rows: what the API says is what the page draws."""

    def __init__(self, encoder: Encoder, picture: Picture) -> None:
        # a private encoder would repeat the geodetic work; the shared one is already up to date
        self._wire: Decoded = unpack(encoder.frame(0, 0, 0))
        self._picture = picture
        self._row = {int(track_id): row for row, track_id in enumerate(picture.snapshot.track_id)}

    def features(self) -> list[dict[str, Any]]:
        """All of them. May run in a thread of its own: nothing it reads changes."""
        named, share = verdict(self._picture.snapshot.class_probability)
        columns = {name: values.tolist() for name, values in self._wire.columns.items()}
        rows = range(len(named))
        values = ({name: column[row] for name, column in columns.items()} for row in rows)
        return [self._feature(row, *facts) for row, *facts in zip(rows, values, named.tolist(), share.tolist())]

    def row_of(self, track_id: int) -> int | None:
        return self._row.get(track_id)

    def feature(self, row: int) -> dict[str, Any]:
        named, share = verdict(self._picture.snapshot.class_probability[row : row + 1])
        values = {name: float(column[row]) for name, column in self._wire.columns.items()}
        return self._feature(row, values, int(named[0]), float(share[0]))

    def _feature(self, row: int, c: dict[str, float], named: int, share: float) -> dict[str, Any]:
        """A GeoJSON feature. A wedge or ring has no point: its geometry is null and its bearing a property."""
        snapshot = self._picture.snapshot
        geometry = None
        if math.isfinite(c["latitude"]):
            place = [round(c["longitude"], 7), round(c["latitude"], 7)]
            if math.isfinite(c["height"]):
                place.append(round(c["height"], 1))
            geometry = {"type": "Point", "coordinates": place}
        properties = {
            "track_id": int(snapshot.track_id[row]),
            "status": TrackStatus(int(snapshot.status[row])).label,
            "position": ("point", "wedge", "ring")[int(c["kind"]) - 1],
            "time": int(snapshot.t_state_ns[row]) / 1e9,
            "last_measurement": int(snapshot.t_update_ns[row]) / 1e9,
            "existence": _known(float(snapshot.existence[row])),
            "class": ObjectClass(named).label,
            "class_probability": _known(share),
            "affiliation": Affiliation(int(c["affiliation"])).name.lower(),
            "identity": shown(snapshot.identity[row]),
            "identity_state": IdentityState(int(snapshot.identity_state[row])).label,
            "identity_since": int(snapshot.identity_since_ns[row]) / 1e9 or None,
            "identity_reason": shown(reasons[row], 200) if (reasons := snapshot.texts.get("identity_reason")) else None,
            "identity_probability": _known(float(snapshot.identity_probability[row])),
            "group_count": _known(float(snapshot.group_count[row]), 1),
            "group_sigma": _known(float(snapshot.group_sigma[row]), 1),
            "height_m": _known(c["height"], 1),
            "sigma_height_m": _known(c["sigma_height"], 1),
            "east_mps": _known(c["east"]),
            "north_mps": _known(c["north"]),
            "up_mps": _known(c["up"]),
            "sigma_major_m": _known(c["sigma_major"], 1),
            "sigma_minor_m": _known(c["sigma_minor"], 1),
            "ellipse_azimuth_deg": _known(c["ellipse_angle"], 1),
            "sensors": sensors_of(self._picture, int(snapshot.sensors[row])),
        } | texts_of(snapshot, row)
        if c["origin"] >= 0:
            properties["seen_from"] = self._sensor(int(c["origin"]))
            properties["azimuth_deg"] = _known(c["azimuth"], 2)
            properties["sigma_azimuth_deg"] = _known(c["azimuth_sigma"], 2)
            properties["range_m"] = _known(c["range"], 1)
        return {"type": "Feature", "id": properties["track_id"], "geometry": geometry, "properties": properties}

    def _sensor(self, index: int) -> str | None:
        sensors = self._picture.sensors
        return shown(sensors[index].id) if index < len(sensors) else None

    def card(self, row: int) -> dict[str, Any]:
        """Everything the picture holds of one track: the *why* card as far as it goes today."""
        snapshot = self._picture.snapshot
        probabilities = snapshot.class_probability[row]
        order = sorted(range(len(probabilities)), key=lambda k: -float(probabilities[k]))
        bits = int(snapshot.sensors[row])
        return {
            "track": self.feature(row),
            "picture_time": snapshot.t_ns / 1e9,
            "age_s": (snapshot.t_ns - int(snapshot.t_update_ns[row])) / 1e9,
            "classes": [
                {"class": ObjectClass(k).label, "probability": _known(float(probabilities[k]))}
                for k in order
                if probabilities[k] >= 0.005
            ],
            "drone_evidence_db": {
                kind.label: _known(float(decibans), 1)
                for kind, decibans in zip(EvidenceKind, snapshot.drone_evidence[row], strict=True)
                if abs(decibans) >= 0.05
            },
            "evidence_kinds": int(kinds_for(snapshot.drone_evidence[row : row + 1])[0]),
            "sensors": [sensor_facts(sensor) for k, sensor in enumerate(self._picture.sensors) if bits >> k & 1],
            "attributes": {
                name: _known(float(values[row]), 6)
                for name, values in snapshot.attributes.items()
                if name not in PERSONAL and math.isfinite(values[row])
            },
        }


def sensors_of(picture: Picture, bits: int) -> list[str | None]:
    return [shown(sensor.id) for k, sensor in enumerate(picture.sensors) if bits >> k & 1]


def texts_of(snapshot: TrackSnapshot, row: int) -> dict[str, str | None]:
    """Texts of a track; the operator's registration only as a mask."""
    names = {"status": "declared_status"}  # "status" is the track's own
    out = {names.get(name, name): shown(snapshot.texts[name][row]) for name in LABEL_TEXTS if name in snapshot.texts}
    if "operator_id" in snapshot.texts:
        out["operator"] = masked(snapshot.texts["operator_id"][row])
    return {name: text for name, text in out.items() if text is not None}
