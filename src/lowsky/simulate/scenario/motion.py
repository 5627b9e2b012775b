"""How targets move."""

from typing import Annotated

from msgspec import Meta

from lowsky.simulate.scenario.values import Amount, Bounded, Draw, NotNegative, Part, Positive, Vector


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
    ceiling_m: Positive | None = None  # it rises no further


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


class Wing(Part, frozen=True, kw_only=True, tag="wing", tag_field="kind"):
    """What flies on wings: along points in banked turns at an airspeed, carried by the wind, never standing still.

    Without ``points_m`` the only point is the one the start aims at.
    """

    points_m: tuple[Vector, ...] = ()
    spread_m: NotNegative = 0.0  # normal, per horizontal axis: each target's own offset
    bank_deg: Annotated[float, Meta(ge=1.0, le=80.0)] = 30.0  # at most
    roll_dps: Positive = 40.0
    climb_mps: Positive = 3.0  # at most, up or down
    end: Annotated[str, Meta(pattern="^(circle|fly-on|repeat)$")] = "fly-on"
    circle_m: Positive = 300.0
    above_ground: bool = False  # heights are above the terrain
    gust_mps: NotNegative = 0.8  # 1σ of the air about the wind, per axis (a third of it vertically)
    speed_sigma_mps: NotNegative = 0.5  # 1σ of the airspeed about its own


class Soaring(Part, frozen=True, kw_only=True, tag="soaring", tag_field="kind"):
    """Circles up in a thermal and glides to the next: raptors, storks, paragliders, gliders. Carried by the wind."""

    climb_mps: Amount = (1.0, 4.0)  # in a thermal
    circle_m: Amount = (20.0, 60.0)  # radius
    top_m: Amount = (300.0, 800.0)  # it leaves the thermal there
    base_m: NotNegative = 100.0  # and takes the next one here
    glide_mps: Amount = (10.0, 15.0)  # airspeed, in circles a fifth less
    glide_ratio: Positive = 10.0
    course_deg: Draw | None = None  # where the glides lead; anywhere where left out
    course_sigma_deg: NotNegative = 30.0
    home_beyond_m: Positive = 4_000.0  # from its start: without a course it turns back there


class Migrating(Part, frozen=True, kw_only=True, tag="migrating", tag_field="kind"):
    """Straight for days: a heading that hardly changes, flapping and gliding by turns. Carried by the wind."""

    course_deg: Draw = 220.0  # over ground without wind
    course_sigma_deg: NotNegative = 8.0  # from one to the next, normal
    speed_mps: Amount = (9.0, 16.0)  # airspeed
    speed_sigma_mps: NotNegative = 0.4
    turn_sigma_dps: NotNegative = 0.3
    bound_s: Amount = (0.8, 4.0)  # one period of flapping up and gliding down
    bound_mps: Amount = (0.3, 1.2)  # its vertical speed
    up_sigma_m: NotNegative = 15.0


class Road(Part, frozen=True, kw_only=True, tag="road", tag_field="kind"):
    """Along points on the ground, there and back or round and round, slower in bends, with stops."""

    points_m: Annotated[tuple[tuple[Bounded, Bounded], ...], Meta(min_length=2, max_length=1_000)]
    round_trip: bool = True  # back the same way; else from the last point to the first
    speed_mps: Amount = (8.0, 15.0)
    lateral_mps2: Positive = 2.0  # in bends at most
    acceleration_mps2: Positive = 1.5
    stops_per_km: NotNegative = 0.3
    stop_s: Amount = (5.0, 25.0)
    height_m: NotNegative = 1.5  # above the ground


Motion = WhiteAcceleration | Multirotor | Waypoints | Bird | Balloon | Formation | Wing | Soaring | Migrating | Road
