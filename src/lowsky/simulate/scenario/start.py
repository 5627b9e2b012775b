"""Where targets start. Metres east, north, up of the site's origin; courses clockwise from true north."""

from typing import Annotated

from msgspec import Meta

from lowsky.simulate.scenario.values import Amount, Bounded, Draw, NotNegative, Part


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
