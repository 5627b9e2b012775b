"""What is known of each transmitter, from messages that come apart: bounded, and aged by the messages' own time."""

import math
from collections import OrderedDict
from dataclasses import dataclass, field

from lowsky.model.classes import ObjectClass
from lowsky.wire.remoteid.messages import BasicId, OperatorId, Record, SelfId, System, decode, printable

MAX_TRANSMITTERS = 4096
"""Transmitters remembered at once; the one silent longest goes first. A flood of invented addresses costs
attributes of others, never memory."""

ID_NONE, ID_SERIAL, ID_REGISTRATION, ID_UTM, ID_SESSION = 0, 1, 2, 3, 4
ID_PREFERENCE = (ID_SERIAL, ID_REGISTRATION, ID_SESSION, ID_UTM, ID_NONE)
"""Which of several ids is the identity. Some transmitters send a serial number and leave the type at "none"."""
UUID_BYTES = 16

CLASS_OF_UA_TYPE = {
    1: ObjectClass.FIXED_WING_DRONE,  # aeroplane
    2: ObjectClass.MULTIROTOR,  # helicopter or multirotor
    3: ObjectClass.DRONE,  # gyroplane
    4: ObjectClass.DRONE,  # hybrid lift
    5: ObjectClass.DRONE,  # ornithopter
    6: ObjectClass.FIXED_WING_DRONE,  # glider
    8: ObjectClass.BALLOON,  # free balloon
    9: ObjectClass.BALLOON,  # captive balloon
    10: ObjectClass.BALLOON,  # airship
    13: ObjectClass.DRONE,  # tethered powered aircraft
    15: ObjectClass.DRONE,  # other
    0: ObjectClass.DRONE,  # not declared
}
"""``ua_type`` -> class. Kite (7), parachute (11), rocket (12) and ground obstacle (14) have none."""


@dataclass(slots=True)
class Aircraft:
    """One transmitter's last words."""

    heard_ns: int
    said: dict[int, bytes] = field(default_factory=dict)  # last message of each type, at most 6
    ids: dict[int, BasicId] = field(default_factory=dict)  # by id type, at most 16
    identity: str | None = None
    class_label: str | None = None
    operator_id: str | None = None
    self_id: str | None = None
    operator_latitude_rad: float = math.nan
    operator_longitude_rad: float = math.nan
    location: bytes = b""  # last one that became a measurement
    location_ns: int = 0  # when it was received

    def hear(self, message: bytes) -> None:
        """Take over what a message other than Location says. Most repeat the last of their type and cost nothing."""
        if self.said.get(message[0] >> 4) != message:
            self._take(decode(message))
            self.said[message[0] >> 4] = message

    def _take(self, record: Record) -> None:
        if isinstance(record, BasicId):
            self._identify(record)
        elif isinstance(record, OperatorId):
            self.operator_id = printable(record.operator_id)
        elif isinstance(record, SelfId):
            self.self_id = printable(record.description)
        elif isinstance(record, System):
            latitude, longitude = record.operator_latitude_deg, record.operator_longitude_deg
            is_known = (latitude or longitude) and abs(latitude) <= 90.0 and abs(longitude) <= 180.0
            self.operator_latitude_rad = math.radians(latitude) if is_known else math.nan
            self.operator_longitude_rad = math.radians(longitude) if is_known else math.nan

    def _identify(self, record: BasicId) -> None:
        before = self.ids.get(record.id_type)
        if before == record:
            return
        if before is not None and before.uas_id != record.uas_id:
            # another aircraft under this address (a gateway, a reused one): nothing of the old one holds
            self.ids.clear()
            self.said.clear()
            self.operator_id = self.self_id = None
            self.operator_latitude_rad = self.operator_longitude_rad = math.nan
        self.ids[record.id_type] = record
        self.identity = next((text for kind in ID_PREFERENCE if (text := _uas_id(self.ids.get(kind)))), None)
        declared = CLASS_OF_UA_TYPE.get(record.ua_type)
        self.class_label = None if declared is None else declared.label


def _uas_id(record: BasicId | None) -> str | None:
    """A UAS ID as text; hexadecimal where the standard makes it binary."""
    if record is None:
        return None
    if record.id_type == ID_UTM:
        return record.uas_id[:UUID_BYTES].hex() if any(record.uas_id[:UUID_BYTES]) else None
    if record.id_type == ID_SESSION:
        return record.uas_id.hex() if any(record.uas_id) else None
    return printable(record.uas_id)


class Transmitters:
    """Aircraft by link address, the one heard last at the end."""

    def __init__(self, forget_after_ns: int, capacity: int = MAX_TRANSMITTERS) -> None:
        self._forget_after_ns = forget_after_ns
        self._capacity = capacity
        self._known: OrderedDict[str, Aircraft] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def heard(self, transmitter: str, t_ns: int) -> Aircraft:
        """The transmitter's aircraft, new where it is unknown or was silent too long."""
        aircraft = self._known.get(transmitter)
        if aircraft is None or abs(t_ns - aircraft.heard_ns) > self._forget_after_ns:
            aircraft = self._known[transmitter] = Aircraft(t_ns)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        aircraft.heard_ns = t_ns
        self._known.move_to_end(transmitter)
        return aircraft
