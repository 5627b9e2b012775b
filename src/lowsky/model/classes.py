"""What an object can be. The order is the wire order of the class byte: append, never reorder."""

from enum import IntEnum, unique


@unique
class ObjectClass(IntEnum):
    """Classes the picture distinguishes (docs: glossary in docs/journey.md)."""

    UNKNOWN = 0
    MULTIROTOR = 1
    FIXED_WING_DRONE = 2  # small; as a word, one with wings of any size
    BIRD = 3
    FLOCK = 4
    BALLOON = 5
    PARAGLIDER = 6  # also hang-gliders and ultralights
    AEROPLANE = 7
    HELICOPTER = 8
    VEHICLE = 9  # on the ground: airport vehicles that send ADS-B
    CLUTTER = 10
    WIND_TURBINE = 11
    DRONE = 12  # a drone of whatever build: what a sensor says that tells no more
    DELTA_DRONE = 13  # long-range: flies for hours, fast, by itself

    @property
    def label(self) -> str:
        """The name in tables and files: lower case, dashes."""
        return self.name.lower().replace("_", "-")


BY_LABEL: dict[str, ObjectClass] = {c.label: c for c in ObjectClass}
"""Name in files -> class."""

COVERS: dict[ObjectClass, tuple[ObjectClass, ...]] = {
    ObjectClass.FIXED_WING_DRONE: (ObjectClass.DELTA_DRONE,),
    ObjectClass.DRONE: (ObjectClass.MULTIROTOR, ObjectClass.FIXED_WING_DRONE, ObjectClass.DELTA_DRONE),
    ObjectClass.BIRD: (ObjectClass.FLOCK,),
}
"""A word that tells less than a class stands for every class it covers. Narrower words first."""

UMBRELLAS = (ObjectClass.DRONE,)
"""Words that are no class of their own: an object is never "a drone and neither of the kinds of drone"."""

DRONES = COVERS[ObjectClass.DRONE]
"""Classes that are drones."""
