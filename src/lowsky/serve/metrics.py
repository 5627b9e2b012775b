"""Prometheus text. Labels are sensors (at most 64), outputs (50) and fixed words: nothing from the air.

Source: Prometheus documentation, "Exposition formats", text format 0.0.4.
"""

import lowsky
from lowsky.engine.hub import Picture
from lowsky.model.measurement import Reject
from lowsky.model.status import ALERT_STATES
from lowsky.model.track import TrackStatus
from lowsky.serve.client import Shared
from lowsky.warn.figures import Figures

MEDIA_TYPE = "text/plain; version=0.0.4"
OUTCOMES = ("records", "measurements", "held", "errors", *(reject.name for reject in Reject))
HEALTHS = ("waiting", "ok", "stale", "degraded", "down")


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class _Text:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def metric(self, name: str, kind: str, meaning: str) -> None:
        self.lines += [f"# HELP lowsky_{name} {meaning}", f"# TYPE lowsky_{name} {kind}"]

    def value(self, name: str, value: float, **labels: str) -> None:
        inside = ",".join(f"{key}={_quoted(text)}" for key, text in labels.items())
        self.lines.append(f"lowsky_{name}{{{inside}}} {value:.15g}" if inside else f"lowsky_{name} {value:.15g}")


def exposition(picture: Picture | None, shared: Shared, clients: int) -> str:
    """The whole page of metrics."""
    text = _Text()
    text.metric("info", "gauge", "version of the program")
    text.value("info", 1, version=lowsky.__version__)
    text.metric("clients", "gauge", "open streams")
    text.value("clients", clients)
    text.metric("frames_sent_total", "counter", "binary frames sent on all streams")
    text.value("frames_sent_total", shared.frames_sent)
    text.metric("frame_bytes_sent_total", "counter", "bytes of these frames")
    text.value("frame_bytes_sent_total", shared.bytes_sent)
    text.metric("frame_latency_seconds", "summary", "newest reception in a live picture to its frame being sent")
    text.value("frame_latency_seconds_sum", shared.latency_sum_s)
    text.value("frame_latency_seconds_count", shared.latency_count)
    text.metric("history_bytes", "gauge", "memory held to look back")
    text.value("history_bytes", shared.history.bytes)
    if picture is not None:
        _picture(text, picture)
    return "\n".join(text.lines) + "\n"


def _outputs(text: _Text, picture: Picture) -> None:
    """By output; there are at most 50, all named in the site file."""
    of = picture.outputs
    for name, meaning in (
        ("sent", "changes of alerts that were delivered"), ("repeated", "of these, marked as repeats"),
        ("pictures", "pictures that were delivered"), ("retries", "attempts that failed"),
        ("superseded", "changes left out because a newer state was waiting"),
        ("refused", "changes set aside because the receiver does not take them"),
    ):  # fmt: skip
        text.metric(f"output_{name}_total", "counter", meaning)
        for output in of:
            text.value(f"output_{name}_total", getattr(output, name), output=output.id)
    text.metric("output_waiting", "gauge", "changes of alerts not delivered yet")
    text.metric("output_oldest_seconds", "gauge", "age of the oldest of these, against the picture's time")
    text.metric("output_degraded", "gauge", "1 while the last attempts failed")
    for output in of:
        age_s = 0.0 if output.oldest_ns is None else max(0.0, (picture.snapshot.t_ns - output.oldest_ns) / 1e9)
        text.value("output_waiting", output.waiting, output=output.id)
        text.value("output_oldest_seconds", age_s, output=output.id)
        text.value("output_degraded", output.status != "ok", output=output.id)


def _picture(text: _Text, picture: Picture) -> None:
    text.metric("picture_time_seconds", "gauge", "time of the newest picture, UTC")
    text.value("picture_time_seconds", picture.snapshot.t_ns / 1e9)
    text.metric("exercise", "gauge", "1 while the site file says that nothing of it is real")
    text.value("exercise", picture.site.exercise)
    text.metric("tracks", "gauge", "tracks by status")
    for status in TrackStatus:
        text.value("tracks", int((picture.snapshot.status == status).sum()), status=status.label)
    text.metric("alerts", "gauge", "open alerts by priority")
    for priority in ("high", "medium", "low"):
        text.value(
            "alerts",
            sum(alert.priority == priority and alert.cleared_ns is None for alert in picture.alerts),
            priority=priority,
        )
    text.metric("desk_alerts", "gauge", "alerts on the desk by state, those that are over and not acknowledged too")
    for state in ALERT_STATES:
        text.value("desk_alerts", sum(alert.state == state for alert in picture.alerts), state=state)
    text.metric("desk_flood", "gauge", "1 while more alerts come than one person can treat")
    text.value("desk_flood", picture.desk.flood_since_ns is not None)
    text.metric("desk_recent_alerts", "gauge", "alerts of the last ten minutes")
    text.value("desk_recent_alerts", picture.desk.recent)
    if picture.figures is not None:
        _figures(text, picture.figures)
    if picture.outputs:
        _outputs(text, picture)
    text.metric("sensor_status", "gauge", "1 for the status a sensor has")
    for sensor in picture.sensors:
        for health in HEALTHS:
            text.value("sensor_status", sensor.status == health, sensor=sensor.id, status=health)
    text.metric("sensor_rate_hz", "gauge", "measurements per second over the last 10 s")
    for sensor in picture.sensors:
        text.value("sensor_rate_hz", sensor.rate_hz, sensor=sensor.id)
    text.metric("late_rows_total", "counter", "late measurements by what became of them")
    text.value("late_rows_total", picture.reprocessing.rows_used, outcome="used")
    text.value("late_rows_total", picture.reprocessing.rows_too_old, outcome="too_old")
    text.metric("replays_total", "counter", "times the ticks since a late measurement were run again")
    text.value("replays_total", picture.reprocessing.replays)
    text.metric("sensor_records_total", "counter", "what became of a sensor's records")
    for sensor in picture.sensors:
        for outcome in OUTCOMES:
            if outcome in sensor.counts:
                text.value("sensor_records_total", sensor.counts[outcome], sensor=sensor.id, outcome=outcome.lower())


def _figures(text: _Text, figures: Figures) -> None:
    """Of the alert desk, over the last day. What is not known is left out."""
    told: tuple[tuple[str, str, float | None], ...] = (
        ("desk_alerts_per_ten_minutes", "alerts in ten minutes, mean of the last day", figures.per_ten_minutes),
        ("desk_flood_share", "share of the last day in flood", figures.flood_share),
        ("desk_acknowledge_median_seconds", "from raised to dealt with, median", figures.acknowledge_median_s),
        ("desk_acknowledge_p95_seconds", "from raised to dealt with, 95 %", figures.acknowledge_p95_s),
        ("desk_stale_alerts", "open for more than a day", float(figures.stale)),
    )
    for name, meaning, value in told:
        if value is not None:
            text.metric(name, "gauge", meaning)
            text.value(name, value)
