"""Which CoT type an object gets. Pending, unknown, neutral or suspect: never hostile, never friend.

Source: MITRE's CoTtypes.xml as TAK clients use it: ``a-AFFILIATION-A-…`` for what flies, ``a-.-G-…`` for what is on the
ground, functions as in MIL-STD-2525B. There is no type for a bird: what lives or drifts is neutral without a function,
and the remarks say what it is.
"""

from lowsky.model.classes import COVERS, ObjectClass
from lowsky.model.occurrence import Subject

AFFILIATION = {"contradicted": "s", "consistent": "n"}
"""Of the identity state; all others are unknown. Suspect is somebody whose claim sensors contradict, nobody else."""

NEUTRAL = ("bird", "flock", "balloon", "paraglider", "clutter", "wind-turbine", "vehicle")
"""No claim is to be expected of these."""

DRONES = {c.label for c in (ObjectClass.DRONE, *COVERS[ObjectClass.DRONE])}
CIVIL_DRONE = "A-C-F-q"

FUNCTION = {
    "unknown": "A",
    "drone": "A-M-F-Q",
    "multirotor": "A-M-H-Q",  # the only rotary drone there is a symbol of
    "fixed-wing-drone": "A-M-F-Q",
    "delta-drone": "A-M-F-Q",
    "bird": "A",
    "flock": "A",
    "balloon": "A-C-L",
    "paraglider": "A-C",
    "aeroplane": "A-C-F",
    "helicopter": "A-C-H",
    "vehicle": "G-E-V",
    "clutter": "A",
    "wind-turbine": "G-I",
}

OPERATOR = "a-u-G"
ALERT = "b-a-g"  # "geo-fence breached", the one alarm of TAK's that does not say that a person is in distress
ALERT_OVER = "b-a-o-can"


def type_of(subject: Subject, civil: bool = False) -> str:
    """``civil``: drones get the civil type, which fewer clients have a symbol of."""
    function = FUNCTION.get(subject.class_name, "A")
    if civil and subject.class_name in DRONES:
        function = CIVIL_DRONE
    other = "n" if subject.class_name in NEUTRAL else "u"
    return f"a-{AFFILIATION.get(subject.identity_state, other)}-{function}"
