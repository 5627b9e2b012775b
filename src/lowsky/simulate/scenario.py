"""A scenario as a person writes it: what flies, and which sensors look. Metres, seconds, degrees in the keys.

Positions are metres east, north, up of the site's origin; azimuths and courses clockwise from true north. A value
of type ``Draw``, ``Amount`` or ``Decibels`` is a number, or ``[from, to]``: drawn uniformly for each target
(docs/scenarios.md). Every number is bounded, so that no file can make the arithmetic overflow.
"""

from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

Bounded = Annotated[float, Meta(ge=-1e7, le=1e7)]
Positive = Annotated[float, Meta(gt=0.0, le=1e7)]
NotNegative = Annotated[float, Meta(ge=0.0, le=1e7)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Vector = tuple[Bounded, Bounded, Bounded]
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._ -]+$")]


class Limits(NamedTuple):
    """Of a draw, kept by ``read``: msgspec 0.22 crashes on bounds inside a union with a tuple."""

    low: float
    high: float


Draw = Annotated[float | tuple[float, float], Limits(-1e7, 1e7)]
Amount = Annotated[float | tuple[float, float], Limits(0.0, 1e7)]
Decibels = Annotated[float | tuple[float, float], Limits(-100.0, 100.0)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every table of a scenario file (``kw_only`` is not inherited, so each says it)."""


class Place(Part, frozen=True, kw_only=True):
    """Origin of the scenario. ``height_m`` is WGS-84 ellipsoidal."""

    name: Name
    latitude_deg: Annotated[float, Meta(ge=-89.0, le=89.0)]
    longitude_deg: Annotated[float, Meta(ge=-180.0, le=180.0)]
    height_m: Annotated[float, Meta(ge=-500.0, le=9_000.0)]


class Wind(Part, frozen=True, kw_only=True):
    """Where the air goes (not where it comes from). The same everywhere."""

    east_mps: Annotated[float, Meta(ge=-60.0, le=60.0)] = 0.0
    north_mps: Annotated[float, Meta(ge=-60.0, le=60.0)] = 0.0


class Air(Part, frozen=True, kw_only=True):
    """What sound travels through. The same everywhere."""

    temperature_c: Annotated[float, Meta(ge=-60.0, le=60.0)] = 15.0
    humidity_percent: Annotated[float, Meta(ge=1.0, le=100.0)] = 70.0


# -- where targets start ------------------------------------------------------------------------------------------


class Box(Part, frozen=True, kw_only=True, tag="box", tag_field="kind"):
    """Anywhere in a box, with one speed and course each; at rest where the speed is left out."""

    east_m: Draw
    north_m: Draw
    up_m: Draw
    speed_mps: Amount = 0.0
    course_deg: Draw = (0.0, 360.0)


class Inbound(Part, frozen=True, kw_only=True, tag="inbound", tag_field="kind"):
    """At a range and azimuth of the origin, flying straight at a point of its own about ``aim_m``."""

    range_m: Amount
    azimuth_deg: Draw = (0.0, 360.0)
    up_m: Draw
    speed_mps: Amount
    aim_m: tuple[Bounded, Bounded] = (0.0, 0.0)
    aim_sigma_m: NotNegative = 0.0  # normal, per axis
    aim_box_m: NotNegative = 0.0  # uniform, ± per axis


class Crossing(Part, frozen=True, kw_only=True, tag="crossing", tag_field="kind"):
    """From all round, evenly spaced courses, all through nearly one point at nearly one time."""

    point_m: tuple[Bounded, Bounded]
    point_sigma_m: NotNegative  # normal, per axis
    at_s: Draw
    jitter_deg: NotNegative  # courses are moved by up to ± this
    up_m: Draw
    speed_mps: Amount


class Swarm(Part, frozen=True, kw_only=True, tag="swarm", tag_field="kind"):
    """Groups with one course and speed; members about the centre. ``count`` must be a multiple of ``groups``."""

    groups: Annotated[int, Meta(ge=1, le=10_000)]
    centre_m: Draw  # east and north of each centre
    speed_mps: Amount
    course_deg: Draw = (0.0, 360.0)
    up_m: Draw
    member_offset_m: NotNegative  # uniform, ± per horizontal axis
    member_up_m: NotNegative  # uniform, ±
    member_velocity_sigma_mps: NotNegative  # normal, per horizontal axis


class Circle(Part, frozen=True, kw_only=True, tag="circle", tag_field="kind"):
    """On a circle and along it, clockwise seen from above: one place for the whole group."""

    centre_m: tuple[Bounded, Bounded] = (0.0, 0.0)
    range_m: Amount
    azimuth_deg: Draw = (0.0, 360.0)
    up_m: Draw
    speed_mps: Amount


Start = Box | Inbound | Crossing | Swarm | Circle


# -- how they move ------------------------------------------------------------------------------------------------


class WhiteAcceleration(Part, frozen=True, kw_only=True, tag="white-acceleration", tag_field="kind"):
    """Straight but for white acceleration of this density; vertical a tenth of it unless given."""

    q_m2ps3: NotNegative
    q_vertical_m2ps3: NotNegative | None = None
    ground_mirror_m: NotNegative | None = None  # lower parts of the path are mirrored at this height


class Multirotor(Part, frozen=True, kw_only=True, tag="multirotor", tag_field="kind"):
    """Hover, accelerate, cruise, turn, brake: a state machine (S4 of docs/scenarios.md)."""

    first_hover_s: Amount = (2.0, 10.0)
    hover_s: Amount = (3.0, 10.0)
    accelerate_mps2: Amount = (3.0, 5.0)
    cruise_mps: Amount = (12.0, 25.0)
    cruise_s: Amount = (4.0, 12.0)
    turn_mps2: Amount = (3.0, 5.0)
    turn_s: Amount = (2.0, 7.0)
    brake_mps2: Amount = (3.0, 5.0)
    home_beyond_m: Positive = 1_800.0
    low_m: NotNegative = 30.0
    high_m: Positive = 250.0


class Waypoints(Part, frozen=True, kw_only=True, tag="waypoints", tag_field="kind"):
    """From point to point within what the airframe can do, then hover, circle or fly on.

    Without ``points_m`` the only point is the one the start aims at. Each target has its own points: those of
    the file moved by a normal offset of ``spread_m`` per horizontal axis.
    """

    points_m: tuple[Vector, ...] = ()
    spread_m: NotNegative = 0.0
    acceleration_mps2: Positive = 3.0
    climb_mps: Positive = 3.0
    end: Annotated[str, Meta(pattern="^(hover|circle|fly-on|repeat)$")] = "hover"
    end_up_m: Draw | None = None  # height at the aim; the start's where left out
    circle_m: Positive = 120.0
    gust_mps2: NotNegative = 0.3  # 1σ of random acceleration per horizontal axis and 0.1 s


class Bird(Part, frozen=True, kw_only=True, tag="bird", tag_field="kind"):
    """Wandering flight about a home: speed, turn rate and height each fluctuate about a mean."""

    speed_mps: Amount = (9.0, 15.0)
    speed_sigma_mps: NotNegative = 1.0
    turn_sigma_dps: NotNegative = 12.0
    turn_time_s: Positive = 4.0
    up_sigma_m: NotNegative = 8.0
    home_beyond_m: Positive = 1_500.0  # from its start; further out it turns back
    flock_spacing_m: NotNegative = 0.0  # > 0: all targets of the group fly together


class Balloon(Part, frozen=True, kw_only=True, tag="balloon", tag_field="kind"):
    """Goes with the wind: horizontal velocity relaxes to it, climb to its own rate."""

    climb_mps: Draw = (0.5, 1.5)
    relax_per_s: Positive = 0.3
    gust_mps: NotNegative = 0.7  # 1σ of the velocity about the wind
    climb_sigma_mps: NotNegative = 0.2


class Formation(Part, frozen=True, kw_only=True, tag="formation", tag_field="kind"):
    """A block of slots on a circle, one target about each; the start must be of kind ``circle``.

    Radial and tangential distances of the slots are multiplied by ``spacing``: (second, factor), straight lines
    between, the first and last factor before and after.
    """

    radial: Annotated[int, Meta(ge=1, le=1_000)]
    tangential: Annotated[int, Meta(ge=1, le=1_000)]
    radial_m: NotNegative
    tangential_m: NotNegative
    spacing: Annotated[tuple[tuple[NotNegative, NotNegative], ...], Meta(min_length=1, max_length=1_000)] = (
        (0.0, 1.0),
    )
    sway_m: NotNegative = 0.0  # 1σ about the slot per axis: a critically damped oscillator driven by white noise
    sway_radps: Annotated[float, Meta(ge=0.01, le=100.0)] = 0.4  # its natural frequency


Motion = WhiteAcceleration | Multirotor | Waypoints | Bird | Balloon | Formation


class Target(Part, frozen=True, kw_only=True):
    """A group of like objects."""

    name: Name
    object_class: str = msgspec.field(name="class")  # a label of lowsky.model.classes
    count: Annotated[int, Meta(ge=1, le=100_000)] = 1
    appear_s: Amount = 0.0
    stay_s: Amount | None = None  # to the end where left out
    start: Start
    motion: Motion
    rcs_dbsm: Decibels | None = None  # mean radar cross-section of each target; its class's where left out
    identity_prefix: Annotated[str, Meta(max_length=64)] | None = (
        None  # what it calls itself: prefix and number, counted from 1
    )


# -- what sensors do that their site file does not tell ----------------------------------------------------------


class PatchGroup(Part, frozen=True, kw_only=True):
    """Like patches of ground about the sensor, or cells of rain, that give false alarms look after look."""

    count: Annotated[int, Meta(ge=1, le=1_000)] = 1
    range_m: Amount  # of each centre, level, from the sensor
    azimuth_deg: Draw = (0.0, 360.0)
    spread_m: NotNegative  # 1σ of the points about their centre, per horizontal axis
    up_m: Amount = 0.0  # of each point, above the site's origin
    up_sigma_m: NotNegative = 0.0  # to which the size of a normal value is added
    drifts: bool = False  # with the wind of ``Patches``


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
    sigma_position_m: Annotated[float, Meta(ge=1e-2, le=1e5)] | None = None
    sigma_height_m: Annotated[float, Meta(ge=1e-2, le=1e5)] | None = None
    sigma_velocity_mps: Annotated[float, Meta(ge=1e-3, le=1e3)] | None = None
    # what the site file does not say
    clutter_elevation_deg: tuple[float, float] = (0.0, 45.0)
    clutter_range_rate_mps: NotNegative = 40.0
    only: tuple[str, ...] = ()  # names of the target groups it can see or hear; all where left out
    detects: dict[str, Share] = {}  # class -> detection probability, where it differs
    r90_m: Positive | None = None  # radar equation: detects 0.01 m² with 0.9 at this range
    reports_rcs: bool = False  # plots carry rcs_dbsm and snr_db
    says: dict[str, dict[str, Share]] = {}  # true class (or "clutter") -> what it says -> how often; the rest: nothing
    latency_s: Amount = 0.0  # of each look, of each report of a cooperative sensor
    silence_share: Annotated[float, Meta(ge=0.0, le=0.95)] = 0.0  # cooperative: share of time the link is broken
    silence_s: Positive = 5.0  # mean length of such a break
    patches: Patches = Patches()
    registration: Registration = Registration()
    link: Link = Link()
    cells: Cells = Cells()


class Scenario(Part, frozen=True, kw_only=True):
    """A whole scenario file."""

    name: Name
    description: Annotated[str, Meta(min_length=1, max_length=200)]
    duration_s: Annotated[float, Meta(gt=0.0, le=86_400.0)]
    start: datetime = datetime(2026, 5, 1, 6, 0, 0, tzinfo=UTC)  # UTC of second 0
    site: Place
    wind: Wind = Wind()
    air: Air = Air()
    target: tuple[Target, ...]
    sensor: tuple[Sensor, ...]
