"""A scenario as a person writes it: what flies, and which sensors look. Metres, seconds, degrees in the keys.

Positions are metres east, north, up of the site's origin; azimuths and courses clockwise from true north.
"""

from lowsky.simulate.scenario.motion import (
    Balloon,
    Bird,
    Formation,
    Migrating,
    Motion,
    Multirotor,
    Road,
    Soaring,
    Waypoints,
    WhiteAcceleration,
    Wing,
)
from lowsky.simulate.scenario.sensor import (
    Cells,
    Echo,
    Link,
    Optics,
    OwnTracker,
    Patches,
    PatchGroup,
    Radio,
    Registration,
    Reports,
    Sensor,
    Sound,
)
from lowsky.simulate.scenario.start import Box, Circle, Crossing, Inbound, Start, Swarm
from lowsky.simulate.scenario.values import Limits, Part
from lowsky.simulate.scenario.world import Air, Building, Lies, Place, Scenario, Target, Terrain, Wind

__all__ = [
    "Air", "Balloon", "Bird", "Box", "Building", "Cells", "Circle", "Crossing", "Echo", "Formation", "Inbound", "Lies",
    "Limits", "Link", "Migrating", "Motion", "Multirotor", "Optics", "OwnTracker", "Part", "PatchGroup", "Patches",
    "Place", "Radio", "Registration", "Reports", "Road", "Scenario", "Sensor", "Soaring", "Sound", "Start", "Swarm",
    "Target", "Terrain", "Waypoints", "WhiteAcceleration", "Wind", "Wing",
]  # fmt: skip
