"""Sensors: what the site file says of them, and what only the simulation knows."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lowsky.simulate.scenario.values import Amount, Draw, Level, Name, NotNegative, Part, Positive, Share, Vector


class PatchGroup(Part, frozen=True, kw_only=True):
    """Like patches of ground about the sensor, or cells of rain, that give false alarms look after look."""

    count: Annotated[int, Meta(ge=1, le=1_000)] = 1
    range_m: Amount  # of each centre, level, from the sensor
    azimuth_deg: Draw = (0.0, 360.0)
    spread_m: NotNegative  # 1σ of the points about their centre, per horizontal axis
    up_m: Amount = 0.0  # of each point, above the site's origin
    up_sigma_m: NotNegative = 0.0  # to which the size of a normal value is added
    drifts: bool = False  # with the wind of ``Patches``
    rate_mps: NotNegative = 0.0  # uniform, ±: range rates of blades, waves and traffic, added


class Patches(Part, frozen=True, kw_only=True):
    """The part of ``clutter_per_look`` that comes from places rather than from everywhere."""

    share: Share = 0.0
    weight_sigma: Annotated[float, Meta(ge=0.0, le=5.0)] = 0.0  # log-normal: how unlike the patches' rates are
    wind_mps: Amount = 0.0  # one wind a run, for all patches that drift
    wind_course_deg: Draw = (0.0, 360.0)
    range_rate_sigma_mps: NotNegative = 0.5  # 1σ of a plot about what the drift gives
    group: tuple[PatchGroup, ...] = ()


class Registration(Part, frozen=True, kw_only=True):
    """Constant errors of a sensor, added to what it measures and to the times it states."""

    range_m: Annotated[float, Meta(ge=-1e5, le=1e5)] = 0.0
    azimuth_deg: Annotated[float, Meta(ge=-180.0, le=180.0)] = 0.0
    elevation_deg: Annotated[float, Meta(ge=-90.0, le=90.0)] = 0.0
    time_s: Annotated[float, Meta(ge=-3600.0, le=3600.0)] = 0.0
    signs_drawn: bool = False  # the sign of each is drawn anew for each seed


class Link(Part, frozen=True, kw_only=True):
    """How measurements arrive, beyond ``latency_s``."""

    stall_from_s: NotNegative = 0.0  # the first stall
    stall_every_s: Positive | None = None  # from one stall to the next; only one where left out
    stall_s: NotNegative = 0.0  # nothing arrives for so long, and then everything at once
    late_share: Share = 0.0  # of the looks (cooperative: of the reports)
    late_s: Amount = 0.0  # that arrive later by this


class Cells(Part, frozen=True, kw_only=True):
    """Resolution: what lies in one cell gives one plot. An axis left out does not separate; no table: no cells."""

    range_m: Annotated[float, Meta(ge=1e-3, le=1e6)] | None = None
    azimuth_deg: Annotated[float, Meta(ge=1e-4, le=360.0)] | None = None
    elevation_deg: Annotated[float, Meta(ge=1e-4, le=180.0)] | None = None


class Echo(Part, frozen=True, kw_only=True):
    """Physics of a radar's echo (docs/scenarios.md, "Physics"); needs ``r90_m``."""

    p_false: Annotated[float, Meta(ge=1e-12, le=0.01)] = 1e-6  # of one cell: sets the threshold
    frequency_ghz: Annotated[float, Meta(ge=0.1, le=100.0)] = 9.4
    attenuation_db_per_km: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.0  # one way
    slow_sigma_db: Annotated[float, Meta(ge=0.0, le=20.0)] = 3.0  # of the log-normal part that lasts
    slow_s: Positive = 10.0
    notch_mps: NotNegative = 0.0  # slower range rates are not seen
    rotor_lines: bool = False  # what has rotors is seen in the notch, too
    beam_elevation_deg: Annotated[float, Meta(gt=0.0, le=90.0)] | None = None  # width of one beam
    outlier_share: Share = 0.01  # plots with five times the errors
    says_half_db: Level | None = None  # signal to noise at which it says half as often what ``says`` has
    clutter_sigma: Annotated[float, Meta(ge=0.0, le=3.0)] = 0.0  # log-normal swing of the false alarms' number
    clutter_lasts_s: Positive = 30.0


class Sound(Part, frozen=True, kw_only=True):
    """Physics of an acoustic array. Levels in dB(A) re 20 µPa."""

    noise_db: Level = 42.0
    array_gain_db: Level = 15.0
    threshold_db: Level = 6.0
    ground_db: Level = 3.0  # lost on the way: 0 to 6
    excess_db: Level = 10.0  # lost on the way beyond a kilometre, where field reports fall short of theory
    swing_db: Annotated[float, Meta(ge=0.0, le=20.0)] = 3.0  # 1σ, lasting
    swing_s: Positive = 5.0
    wind_noise_db: Level = 55.0  # per tenfold wind, above 2 m/s


class Radio(Part, frozen=True, kw_only=True):
    """Physics of a direction finder."""

    hears_m: Positive = 3_000.0  # 100 mW in plain sight, half of the bursts
    exponent: Annotated[float, Meta(ge=1.5, le=6.0)] = 2.2  # of the path loss
    frequency_ghz: Annotated[float, Meta(ge=0.01, le=100.0)] = 2.4
    shadow_db: Annotated[float, Meta(ge=0.0, le=20.0)] = 6.0  # 1σ, lasting
    shadow_s: Positive = 8.0
    reflected_share: Annotated[float, Meta(ge=0.0, le=0.9)] = 0.0  # of the time a bearing is a façade's
    reflected_deg: Annotated[float, Meta(ge=1.0, le=90.0)] = 20.0  # how far the façades lie about the true azimuth
    reflected_s: Positive = 8.0
    facades: Annotated[int, Meta(ge=1, le=360)] = 12  # azimuths that reflect, drawn for each seed


class Optics(Part, frozen=True, kw_only=True):
    """Physics of a camera. With ``slew_dps`` it turns from object to object, else it stares at its sector."""

    width_px: Annotated[int, Meta(ge=16, le=100_000)] = 1_920
    field_deg: Annotated[float, Meta(ge=0.1, le=180.0)] = 60.0
    visibility_m: Positive = 20_000.0
    detect_px: Positive = 3.0  # × contrast: detected every other time
    says_px: Positive = 10.0  # × contrast: says what it is every other time
    slew_dps: Positive | None = None
    settle_s: NotNegative = 0.3
    dwell_s: Positive = 2.0


class Reports(Part, frozen=True, kw_only=True):
    """What is wrong with what objects say of themselves. Each is drawn once for each object."""

    clock_sigma_s: NotNegative = 0.0  # of each clock
    gross_clock_share: Share = 0.0  # of the clocks
    gross_clock_s: NotNegative = 20.0  # that are wrong by up to ± this
    stale_s: Amount = 0.0  # of each report: the position is older than it says
    wrong_datum_share: Share = 0.0  # of the objects
    datum_m: Draw = 0.0  # whose heights are off by this
    hears_m: Positive | None = None  # half of the reports come through at this distance in plain sight


class OwnTracker(Part, frozen=True, kw_only=True):
    """A radar that tracks by itself and delivers tracks instead of plots: a filter for each target, no false tracks."""

    period_s: Positive = 1.0  # from report to report
    q_m2ps3: Positive = 2.0  # density of white acceleration that its filter allows for
    states: Annotated[str, Meta(pattern="^(all|place|nothing)$")] = "all"  # the standard deviations it tells
    confirm_plots: Annotated[int, Meta(ge=1, le=100)] = 4  # before the first report
    drop_s: Positive = 5.0  # without a plot


class Sensor(Part, frozen=True, kw_only=True):
    """A sensor: what the site file says of it, within the same limits, and what only the simulation knows."""

    id: Name
    kind: Annotated[str, Meta(pattern="^(radar|direction-finder|acoustic|camera|cooperative)$")]
    position_m: Vector
    look_period_s: Annotated[float, Meta(ge=0.01, le=3600.0)]
    look_phase_s: NotNegative = 0.0
    detection_probability: Annotated[float, Meta(ge=0.01, le=0.999)]
    clutter_per_look: Annotated[float, Meta(ge=0.0, le=1e6)] = 0.0
    min_range_m: Annotated[float, Meta(ge=0.0, le=1e6)] = 0.0
    max_range_m: Annotated[float, Meta(ge=1.0, le=1e6)]
    azimuth_deg: tuple[float, float] = (0.0, 360.0)
    elevation_deg: tuple[float, float] = (-90.0, 90.0)
    sigma_range_m: Annotated[float, Meta(ge=1e-3, le=1e5)] | None = None
    sigma_azimuth_deg: Annotated[float, Meta(ge=1e-4, le=180.0)] | None = None
    sigma_elevation_deg: Annotated[float, Meta(ge=1e-4, le=90.0)] | None = None
    sigma_range_rate_mps: Annotated[float, Meta(ge=1e-4, le=1e3)] | None = None
    range_doppler_coupling_s: Annotated[float, Meta(ge=-1.0, le=1.0)] = 0.0  # what it adds to a range, per m/s opening
    sigma_position_m: Annotated[float, Meta(ge=1e-2, le=1e5)] | None = None
    sigma_height_m: Annotated[float, Meta(ge=1e-2, le=1e5)] | None = None
    sigma_velocity_mps: Annotated[float, Meta(ge=1e-3, le=1e3)] | None = None
    # what the site file does not say
    clutter_elevation_deg: tuple[float, float] = (0.0, 45.0)
    clutter_range_rate_mps: NotNegative = 40.0
    only: tuple[str, ...] = ()  # names of the target groups it can see or hear; all where left out
    detects: dict[str, Share] = msgspec.field(default_factory=dict)  # class -> detection probability, where it differs
    r90_m: Positive | None = None  # radar equation: detects 0.01 m² with 0.9 at this range
    reports_rcs: bool = False  # plots carry rcs_dbsm and snr_db
    says: dict[str, dict[str, Share]] = msgspec.field(default_factory=dict)  # true class (or "clutter") -> answers
    latency_s: Amount = 0.0  # of each look, of each report of a cooperative sensor
    silence_share: Annotated[float, Meta(ge=0.0, le=0.95)] = 0.0  # cooperative: share of time the link is broken
    silence_s: Positive = 5.0  # mean length of such a break
    patches: Patches = Patches()
    registration: Registration = Registration()
    link: Link = Link()
    cells: Cells = Cells()
    like: str | None = None  # a set of sensors.toml whose keys hold where this table has none
    off_s: tuple[tuple[NotNegative, NotNegative], ...] = ()  # [from, to]: it does not look, and says nothing
    reports_sigma: bool = False  # plots carry their own standard deviations
    echo: Echo | None = None
    sound: Sound | None = None
    radio: Radio | None = None
    optics: Optics | None = None
    reports: Reports | None = None
    tracker: OwnTracker | None = None  # it delivers tracks
