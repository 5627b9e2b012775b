"""The site file as everybody reads it: frozen facts in SI units and radians (parsed by ``engine.config``)."""

import math
from typing import Any

import msgspec

from lowsky.model.desk import DeskSettings
from lowsky.model.measurement import MeasurementKind
from lowsky.model.output import Output
from lowsky.model.zone import Rule, Zone, ZoneFile

SENSOR_KINDS = ("radar", "direction-finder", "acoustic", "camera", "cooperative")
KIND_OF_SENSOR = {
    "radar": MeasurementKind.RADAR,
    "direction-finder": MeasurementKind.BEARING,
    "acoustic": MeasurementKind.BEARING,
    "camera": MeasurementKind.BEARING,
    "cooperative": MeasurementKind.REPORT,
}
DELIVERS = ("plots", "tracks")
MAX_SENSORS = 64  # one bit each in TrackSnapshot.sensors


class Sensor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device. Angles in radians; azimuth clockwise from true north; heights WGS-84 ellipsoidal.

    ``sigma`` values are None where the sensor does not measure the component. ``latency_s`` is how long after
    the sensor saw something its message may still arrive; ``align`` waits that long for it at most. A sensor that
    ``delivers`` tracks has a tracker of its own: its rows are positions, whatever it measures inside.
    """

    id: str
    kind: str
    latitude_rad: float
    longitude_rad: float
    height_m: float
    delivers: str = "plots"
    sigma_range_m: float | None = None
    sigma_azimuth_rad: float | None = None
    sigma_elevation_rad: float | None = None
    sigma_range_rate_mps: float | None = None
    range_doppler_coupling_s: float = 0.0  # of a radar with a chirp: it adds so many metres to a range per m/s opening
    sigma_position_m: float | None = None  # of reports and tracks: horizontal, where they do not say
    sigma_height_m: float | None = None
    sigma_velocity_mps: float | None = None
    detection_probability: float = 0.9
    clutter_per_look: float = 1.0
    look_period_s: float | None = None
    min_range_m: float = 0.0
    max_range_m: float = math.inf
    azimuth_rad: tuple[float, float] = (0.0, 2.0 * math.pi)  # from, to; to > from, may exceed 2π
    elevation_rad: tuple[float, float] = (-math.pi / 2.0, math.pi / 2.0)
    latency_s: float = 0.1
    clock_offset_s: float = 0.0  # the sensor's clock minus UTC; subtracted by ``align``
    outlier_share: float | None = None  # of a bearing sensor's bearings, those that are far off; its kind's where None
    # a bearing's, plot's or delivered track's error stays the same for about so long; 0: a new one each look
    error_lasts_s: float = 0.0
    sigma_snr_db: float | None = None  # signal to noise ratio at which the sigmas hold; None: they always do
    beam_elevation_rad: float | None = None  # radar: width of its beam; None: the ground does not disturb elevation
    front_back: bool = False  # a bearing sensor that cannot tell front from back: either is meant
    sigma_place_m: float = 0.0  # of a bearing sensor: where it stands is known to so much
    sigma_range_share: float | None = None  # of a bearing's range by signal strength: 1σ of its logarithm; 6 dB are 0.7
    lasting_share: float = 0.0  # of its variances in range and azimuth, what stays the same for minutes: the mount's
    air_temperature_c: float = 15.0  # acoustic: of the air it hears through, °C
    wind_east_mps: float = 0.0  # acoustic: where the air goes
    wind_north_mps: float = 0.0
    # what it says of objects of a class, and how often: class -> word -> share; {}: its kind's default
    confusion: dict[str, dict[str, float]] = {}

    @property
    def measures(self) -> MeasurementKind:
        return MeasurementKind.REPORT if self.delivers == "tracks" else KIND_OF_SENSOR[self.kind]


class Feed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connection: which sensor's data comes in which format from where. ``options`` are the format's own."""

    sensor: str
    format: str
    source: str
    options: dict[str, Any] = {}


class Wind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the air goes at heights above the site's origin, and the 1σ by axis of that; straight lines between."""

    up_m: tuple[float, ...]  # rising
    east_mps: tuple[float, ...]
    north_mps: tuple[float, ...]
    sigma_mps: tuple[float, ...]


class Site(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place with its sensors and feeds. The origin is the zero of the site's ENU frame.

    ``tracker`` holds what the site wants otherwise than ``lowsky.track.settings`` has it, by name.
    """

    name: str
    latitude_rad: float
    longitude_rad: float
    height_m: float
    sensors: tuple[Sensor, ...] = ()
    feeds: tuple[Feed, ...] = ()
    tracker: dict[str, Any] = {}
    zones: tuple[Zone, ...] = ()
    rules: tuple[Rule, ...] = ()
    desk: DeskSettings = DeskSettings()
    outputs: tuple[Output, ...] = ()
    exercise: bool = False  # nothing of it is real, and every output says so
    zone_files: tuple[ZoneFile, ...] = ()
    wind: Wind | None = None

    def sensor(self, sensor_id: str) -> Sensor:
        return self.sensors[self.index_of(sensor_id)]

    def index_of(self, sensor_id: str) -> int:
        for index, sensor in enumerate(self.sensors):
            if sensor.id == sensor_id:
                return index
        raise KeyError(sensor_id)
