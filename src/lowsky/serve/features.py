"""Tracks, zones and open alerts as GeoJSON features (RFC 7946), for programs that read maps."""

import math
from typing import Any

from lowsky.engine.hub import Picture
from lowsky.outputs.facts import rfc3339
from lowsky.serve.facts import Table
from lowsky.serve.state import alert_facts, newest_first
from lowsky.serve.zones import zones_of
from lowsky.wire.shown import shown

Feature = dict[str, Any]


def track_features(table: Table, picture: Picture) -> list[Feature]:
    """Those of ``/api/tracks``, their times as text."""
    features = table.features()
    for row, feature in enumerate(features):
        own = feature["properties"]
        own["time"] = rfc3339(int(picture.snapshot.t_state_ns[row]))
        own["last_measurement"] = rfc3339(int(picture.snapshot.t_update_ns[row]))
        own["exercise"] = picture.site.exercise
    return features


def alert_features(table: Table, picture: Picture) -> list[Feature]:
    """Open alerts, newest first, each where the track is that it names; one about a sensor where the sensor is."""
    sensors = {sensor.id: sensor for sensor in picture.sensors}
    features = []
    for alert in newest_first(picture.alerts):
        row = None if alert.track_id is None else table.row_of(alert.track_id)
        geometry = None if row is None else table.feature(row)["geometry"]
        if alert.sensor in sensors:
            sensor = sensors[alert.sensor]
            geometry = _point(sensor.latitude_rad, sensor.longitude_rad)
        own = alert_facts(alert) | {
            "raised": rfc3339(alert.raised_ns), "rule": shown(alert.rule), "zones": [shown(z) for z in alert.zones],
            "tracks": list(alert.track_ids), "exercise": picture.site.exercise,
        }  # fmt: skip
        features.append({"type": "Feature", "id": alert.id, "geometry": geometry, "properties": own})
    return features


def zone_features(picture: Picture) -> list[Feature]:
    """Those of ``/api/zones``; a program that reads maps finds all keys in each."""
    features: list[Feature] = zones_of(picture)["features"]
    for feature in features:
        feature["properties"]["exercise"] = picture.site.exercise
    return features


def _point(latitude_rad: float, longitude_rad: float) -> dict[str, Any]:
    place = [round(math.degrees(longitude_rad), 7), round(math.degrees(latitude_rad), 7)]
    return {"type": "Point", "coordinates": place}
