"""A whole scenario file: the place, the air, what flies and which sensors look."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from lowsky.simulate.scenario.motion import Motion
from lowsky.simulate.scenario.sensor import Sensor
from lowsky.simulate.scenario.start import Start
from lowsky.simulate.scenario.values import Amount, Bounded, Decibels, Draw, Name, Part, Positive, Share, Speed


class Place(Part, frozen=True, kw_only=True):
    """Origin of the scenario. ``height_m`` is WGS-84 ellipsoidal."""

    name: Name
    latitude_deg: Annotated[float, Meta(ge=-89.0, le=89.0)]
    longitude_deg: Annotated[float, Meta(ge=-180.0, le=180.0)]
    height_m: Annotated[float, Meta(ge=-500.0, le=9_000.0)]


class Wind(Part, frozen=True, kw_only=True):
    """Where the air goes (not where it comes from). Near the ground, and of ``profile`` at height."""

    east_mps: Annotated[float, Meta(ge=-60.0, le=60.0)] = 0.0
    north_mps: Annotated[float, Meta(ge=-60.0, le=60.0)] = 0.0
    profile: tuple[tuple[Bounded, Speed, Speed], ...] = ()  # [up m, east m/s, north m/s], rising; straight between


class Air(Part, frozen=True, kw_only=True):
    """What sound travels through. The same everywhere."""

    temperature_c: Annotated[float, Meta(ge=-60.0, le=60.0)] = 15.0
    humidity_percent: Annotated[float, Meta(ge=1.0, le=100.0)] = 70.0


class Building(Part, frozen=True, kw_only=True):
    """A block that stands on the ground and hides what is behind it."""

    east_m: tuple[Bounded, Bounded]
    north_m: tuple[Bounded, Bounded]
    up_m: Positive  # above the ground


class Terrain(Part, frozen=True, kw_only=True):
    """The ground: what hides low objects. With this table horizon and shadow count; without it nothing hides.

    ``heights_m`` is a map: rows from north to south, columns from west to east, evenly spread over ``east_m`` and
    ``north_m``, above the site's origin; straight between, the edge's height beyond. The earth is round in either case.
    """

    east_m: tuple[Bounded, Bounded] = (-5_000.0, 5_000.0)
    north_m: tuple[Bounded, Bounded] = (-5_000.0, 5_000.0)
    heights_m: tuple[tuple[Bounded, ...], ...] = ()
    building: tuple[Building, ...] = ()


class Lies(Part, frozen=True, kw_only=True):
    """What is false in what objects report of themselves, from a time on. Drawn once for each object."""

    from_s: Amount = 0.0  # of the run; before it they tell the truth
    offset_m: Amount = 0.0  # how far off, in a direction drawn for each …
    drift_mps: Amount = 0.0  # … and by how much more each second, the same way
    height_m: Draw = 0.0  # stated less true
    replay_s: Positive | None = (
        None  # they say again, word for word and over and over, what they said in so many seconds
    )
    identity: Annotated[str, Meta(min_length=1, max_length=64)] | None = None  # they all call themselves so


class Target(Part, frozen=True, kw_only=True):
    """A group of like objects."""

    name: Name
    object_class: str = msgspec.field(name="class")  # a label of lowsky.model.classes
    count: Annotated[int, Meta(ge=1, le=100_000)] = 1
    appear_s: Amount = 0.0
    stay_s: Amount | None = None  # to the end where left out
    start: Start
    motion: Motion
    like: str | None = None  # a set of targets.toml whose keys hold where this table has none
    swerling: Annotated[int, Meta(ge=1, le=3)] | None = None  # 1 or 3; its class's where left out
    sound_db: Decibels | None = None  # dB(A) re 20 µPa at 1 m; silent where left out
    tone_hz: Amount = 200.0  # where most of it is
    radio_w: Amount | None = None  # of its radio link, 0: none; its class's where left out
    radio_share: Share = 0.5  # of the looks in which it sends
    size_m: Amount | None = None  # as a camera sees it; its class's where left out
    contrast: Share = 0.6  # against the sky
    lies: Lies = Lies()
    phantom: bool = False  # reports of it are all there is: a spoofer's
    rcs_dbsm: Decibels | None = None  # mean radar cross-section of each target; its class's where left out
    identity_prefix: Annotated[str, Meta(max_length=64)] | None = (
        None  # what it calls itself: prefix and number, counted from 1
    )


class Scenario(Part, frozen=True, kw_only=True):
    """A whole scenario file."""

    name: Name
    description: Annotated[str, Meta(min_length=1, max_length=200)]
    duration_s: Annotated[float, Meta(gt=0.0, le=86_400.0)]
    start: datetime = datetime(2026, 5, 1, 6, 0, 0, tzinfo=UTC)  # UTC of second 0
    site: Place
    wind: Wind = Wind()
    air: Air = Air()
    terrain: Terrain | None = None
    target: tuple[Target, ...]
    sensor: tuple[Sensor, ...]
