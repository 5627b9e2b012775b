"""What the picture says beside the tracks: sensors, alerts, where we are in time."""

import msgspec


class SensorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One sensor's health at the time of the picture. ``status``: waiting, ok, stale, degraded, down."""

    id: str
    kind: str
    status: str
    latitude_rad: float
    longitude_rad: float
    height_m: float
    last_seen_ns: int | None
    rate_hz: float  # measurements per second over the last 10 s
    detail: str = ""
    counts: dict[str, int] = {}  # records, measurements, held, errors, and each Reject by name, since start
    latency_s: float | None = None  # t_recv − t_meas, smoothed over the last looks
    azimuth_rad: tuple[float, float] = (0.0, 6.283185307179586)
    max_range_m: float | None = None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A situation that needs a person. ``priority``: high, medium, low."""

    id: int
    priority: str
    title: str
    raised_ns: int
    sensor: str | None = None
    track_id: int | None = None


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the demo. ``origin`` is "recorded" or "simulated" and is shown as such, always."""

    name: str
    title: str
    description: str
    origin: str
