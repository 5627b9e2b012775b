"""Remote ID messages to reports. One message is one record; only Location becomes a measurement.

=============  ========================  ==================================================================
Message        Field                     Here
=============  ========================  ==================================================================
Location       latitude, longitude       ``z[:, :2]`` rad; both 0: rejected NO_POSITION
Location       geodetic altitude         ``z[:, 2]`` m above the WGS-84 ellipsoid; NaN unknown
Location       track, speed, vert.speed  ``z[:, 3:]`` m/s east, north, up; NaN unknown
Location       accuracy codes            ``sigma``, see ``sigma_of``
Location       tenths since the hour     ``t_meas_ns``, in the hour nearest to reception; reception where unknown
                                         or further from it than ``max_time_error_s``, or more than 2 s ahead
Location       status                    ``status``; ``on_ground``
Location       height                    ``height_agl_m`` (above ground or take-off)
Location       barometric altitude       ``pressure_altitude_m``
Basic ID       UAS ID, type              ``identity``, ``class``
Self-ID        description               ``self_id``
System         operator position         ``operator_latitude_rad``, ``operator_longitude_rad``
Operator ID    id                        ``operator_id``
=============  ========================  ==================================================================

Not used: Authentication (checked by nobody without the authority's keys), area and class of System, the
message counter (it need not change with every transmission, nor stay with a repeated one).
"""

import math
from collections import Counter
from collections.abc import Iterable

import numpy as np

from lowsky.constants import SECOND_NS
from lowsky.errors import DecodeError
from lowsky.feeds.files import reject_of
from lowsky.feeds.remote_id.aircraft import Aircraft, Transmitters
from lowsky.model.measurement import Labels, MeasurementBatch, MeasurementKind, Reject
from lowsky.model.ports import Frame, Normalised
from lowsky.wire.capture import LINK_BLUETOOTH_LE_LL, LINK_IEEE802_11, Packet, first_link_type, read_packets
from lowsky.wire.remoteid.fields import MessageType
from lowsky.wire.remoteid.link import LINK_TYPES, Transmission, transmissions
from lowsky.wire.remoteid.messages import (
    HORIZONTAL_ACCURACY_M,
    SPEED_ACCURACY_MPS,
    VERTICAL_ACCURACY_M,
    Location,
    decode,
    split,
)

HOUR_NS = 3600 * SECOND_NS
TENTH_NS = SECOND_NS // 10
MAX_AHEAD_NS = 2 * SECOND_NS
"""A fix cannot be newer than its reception. A time further ahead is not used, because ``align`` refuses such a row, and
the drone would not be seen at all."""
REPEAT_NS = SECOND_NS
"""An unchanged Location without a usable time is the same fix for so long; the standard asks for one each second."""

R95_2D = math.sqrt(-2.0 * math.log(0.05))
"""95 % radius of a circular normal error over its 1σ per axis, 2.4477 (Rayleigh: r = σ √(−2 ln 0.05))."""
Z95_1D = 1.959964
"""95 % bound of a normal error over its 1σ."""
SIGMA_FLOOR_HORIZONTAL_M, SIGMA_FLOOR_VERTICAL_M = 3.0, 10.0
"""A claim is never taken for better than this (docs/feeds/remote-id.md)."""
SIGMA_UNSTAMPED_S = 0.5
"""1σ of the age of a fix without a usable time: a new one each second, sent with some delay."""

STATUS = ("undeclared", "ground", "airborne", "emergency", "remote-id-failure")
GROUND, AIRBORNE, EMERGENCY = 1, 2, 3
TEXTS = ("identity", "class", "operator_id", "self_id", "status")
ATTRIBUTES = (
    "pressure_altitude_m",
    "height_agl_m",
    "on_ground",
    "operator_latitude_rad",
    "operator_longitude_rad",
    "link_rssi_dbm",
)
LINK_OF_OPTION = {"ble": LINK_BLUETOOTH_LE_LL, "wifi": LINK_IEEE802_11}
MAX_FRAME_BYTES = 1 << 20
Row = tuple[int, int, list[float], list[float], list[float], list[str | None]]


def cut_whole(data: bytes | bytearray | memoryview) -> int:
    """Datagrams and captures only: all there is."""
    return len(data)


def looks_like_remote_id(head: bytes, name: str) -> bool:
    """True for captures of a link that carries Remote ID."""
    return first_link_type(head) in LINK_TYPES


class RemoteIdReader:
    """The normaliser. ``Σ records = Σ measurements + Σ rejected``; nothing is held back.

    A record is one Remote ID message. A pack that holds none, or whose header cannot be read, is one record.
    Frames of other traffic have no records.
    """

    def __init__(
        self, sensor: str, *, link: str, max_time_error_s: float, forget_after_s: float, keep_operator: bool,
        accept_bad_crc: bool,
    ) -> None:  # fmt: skip
        self._sensor = sensor
        self._link = link
        self._max_time_error_ns = round(max_time_error_s * SECOND_NS)
        self._max_ahead_ns = min(self._max_time_error_ns, MAX_AHEAD_NS)
        self._keep_operator = keep_operator
        self._accept_bad_crc = accept_bad_crc
        self._transmitters = Transmitters(round(forget_after_s * SECOND_NS))

    def __call__(self, frame: Frame) -> Normalised:
        """One live frame, as ``link`` says. Raises ``DecodeError`` where nothing in it can be read."""
        if len(frame.payload) > MAX_FRAME_BYTES:
            raise DecodeError("frame too large", MAX_FRAME_BYTES, frame.payload)
        if self._link == "odid":
            bare = Transmission(frame.peer, "odid", 0, frame.payload, None, math.nan)
            return self._normalised([bare], frame.t_recv_ns)
        if self._link == "pcap":
            return self._capture(frame)
        return self.packet(Packet(frame.t_recv_ns, LINK_OF_OPTION[self._link], frame.payload, None))

    def packet(self, packet: Packet) -> Normalised:
        """One packet of a capture, received when the capture says. Raises ``DecodeError``."""
        return self._normalised(transmissions(packet), packet.t_ns)

    def _capture(self, frame: Frame) -> Normalised:
        """A capture in a frame: all its packets, received when the frame was."""
        found: list[Transmission] = []
        rejected: Counter[Reject] = Counter()
        try:
            for packet in read_packets(frame.payload):
                try:
                    found += transmissions(packet)
                except DecodeError as error:
                    rejected[reject_of(error)] += 1
        except DecodeError as error:
            if not found and not rejected:
                raise
            rejected[reject_of(error)] += 1
        return self._normalised(found, frame.t_recv_ns, rejected)

    def _normalised(
        self, found: list[Transmission], t_recv_ns: int, rejected: Counter[Reject] | None = None
    ) -> Normalised:
        rejected = Counter() if rejected is None else rejected
        records = rejected.total()
        rows: list[Row] = []
        for transmission in found:
            try:
                messages, count = self._trusted(transmission, rejected)
            except DecodeError as error:
                if len(found) == 1 and not records:
                    raise
                rejected[reject_of(error)] += 1
                messages, count = [], 1
            records += count  # counted apart from where they end, so that the sum law can fail
            if messages:
                self._messages(messages, transmission, t_recv_ns, rows, rejected)
        batches = (self._batch(rows),) if rows else ()
        return Normalised(batches, records, rejected)

    def _trusted(self, transmission: Transmission, rejected: Counter[Reject]) -> tuple[list[bytes], int]:
        """The messages that may be used, and how many records there are; those not used are counted as rejected.

        Raises ``DecodeError`` for a payload that cannot be read.
        """
        try:
            messages, damaged = split(transmission.payload)
        except DecodeError:
            if transmission.crc_ok is False:
                rejected[Reject.BAD_CHECKSUM] += 1
                return [], 1
            raise
        count = len(messages) + damaged
        if transmission.crc_ok is False and not self._accept_bad_crc:
            rejected[Reject.BAD_CHECKSUM] += max(1, count)
            return [], max(1, count)
        if not count:
            rejected[Reject.NOT_A_MEASUREMENT] += 1  # a pack of none, legal
            return [], 1
        if damaged and transmission.crc_ok is not True:
            rejected[Reject.MALFORMED] += count  # the bit error may be anywhere in it
            return [], count
        if damaged:
            rejected[Reject.MALFORMED] += damaged
        return messages, count

    def _messages(
        self, messages: Iterable[bytes], heard: Transmission, t_recv_ns: int, rows: list[Row],
        rejected: Counter[Reject],
    ) -> None:  # fmt: skip
        """One transmission: what it says of itself first, so that its own positions carry it."""
        aircraft = self._transmitters.heard(heard.transmitter, t_recv_ns)
        locations = []
        for message in messages:
            if message[0] >> 4 == MessageType.LOCATION:
                locations.append(message)
            else:
                aircraft.hear(message)
                rejected[Reject.NOT_A_MEASUREMENT] += 1
        for message in locations:
            made = self._report(message, aircraft, heard, t_recv_ns)
            if isinstance(made, Reject):
                rejected[made] += 1
            else:
                rows.append(made)

    def _report(self, message: bytes, aircraft: Aircraft, heard: Transmission, t_recv_ns: int) -> Row | Reject:
        said = decode(message)
        if not isinstance(said, Location) or not (said.latitude_deg or said.longitude_deg):
            return Reject.NO_POSITION
        in_hour_s = said.time_in_hour_s
        if abs(said.latitude_deg) > 90.0 or abs(said.longitude_deg) > 180.0 or (in_hour_s or 0.0) > 3600.0:
            return Reject.OUT_OF_RANGE
        t_meas_ns = t_recv_ns if in_hour_s is None else nearest_hour(round(in_hour_s * 10.0), t_recv_ns)
        age_ns = t_recv_ns - t_meas_ns
        is_stamped = in_hour_s is not None and -self._max_ahead_ns <= age_ns <= self._max_time_error_ns
        if message == aircraft.location and (is_stamped or abs(t_recv_ns - aircraft.location_ns) < REPEAT_NS):
            return Reject.DUPLICATE
        aircraft.location, aircraft.location_ns = message, t_recv_ns
        return (
            t_meas_ns if is_stamped else t_recv_ns,
            t_recv_ns,
            z_of(said),
            sigma_of(said, is_stamped),
            self._attributes(said, aircraft, heard),
            self._texts(said, aircraft),
        )

    def _attributes(self, said: Location, aircraft: Aircraft, heard: Transmission) -> list[float]:
        on_ground = {GROUND: 1.0, AIRBORNE: 0.0, EMERGENCY: 0.0}.get(said.status, math.nan)
        return [
            _or_nan(said.pressure_altitude_m),
            _or_nan(said.height_agl_m),
            on_ground,
            aircraft.operator_latitude_rad if self._keep_operator else math.nan,
            aircraft.operator_longitude_rad if self._keep_operator else math.nan,
            heard.rssi_dbm,
        ]

    def _texts(self, said: Location, aircraft: Aircraft) -> list[str | None]:
        status = STATUS[said.status] if said.status < len(STATUS) else f"reserved-{said.status}"
        operator_id = aircraft.operator_id if self._keep_operator else None
        return [aircraft.identity, aircraft.class_label, operator_id, aircraft.self_id, status]

    def _batch(self, rows: list[Row]) -> MeasurementBatch:
        t_meas, t_recv, z, sigma, attributes, texts = zip(*rows, strict=True)
        return MeasurementBatch(
            self._sensor,
            MeasurementKind.REPORT,
            t_meas_ns=np.array(t_meas, np.int64),
            t_recv_ns=np.array(t_recv, np.int64),
            z=np.array(z),
            sigma=np.array(sigma),
            # a column that is missing in every row is left out
            attributes={
                name: np.array(column)
                for name, column in zip(ATTRIBUTES, zip(*attributes, strict=True), strict=True)
                if not all(map(math.isnan, column))
            },
            texts={
                name: Labels.of(list(column))
                for name, column in zip(TEXTS, zip(*texts, strict=True), strict=True)
                if any(text is not None for text in column)
            },
        )


def nearest_hour(tenths: int, t_recv_ns: int) -> int:
    """UTC nanoseconds of tenths of a second since the full hour, in the hour nearest to ``t_recv_ns``."""
    in_hour_ns = tenths * TENTH_NS
    return (t_recv_ns - in_hour_ns + HOUR_NS // 2) // HOUR_NS * HOUR_NS + in_hour_ns


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def z_of(said: Location) -> list[float]:
    """Latitude, longitude rad, height m, velocity east, north, up m/s; NaN unknown."""
    speed, track = said.speed_mps, said.track_deg
    east = north = math.nan
    if speed == 0.0:
        east = north = 0.0  # standing still needs no course
    elif speed is not None and track is not None:
        east, north = speed * math.sin(math.radians(track)), speed * math.cos(math.radians(track))
    return [
        math.radians(said.latitude_deg), math.radians(said.longitude_deg), _or_nan(said.height_m),
        east, north, _or_nan(said.vertical_speed_mps),
    ]  # fmt: skip


def sigma_of(said: Location, is_stamped: bool) -> list[float]:
    """1σ of ``z_of``, m and m/s; NaN where the message gives no accuracy.

    The codes name 95 % bounds: a horizontal one is a radius, so σ per axis = bound / 2.4477; a vertical one is an
    interval, so σ = bound / 1.96. The age of the fix adds speed · σ_t horizontally, where σ_t is the time accuracy
    (taken as a 95 % bound, too) or ``SIGMA_UNSTAMPED_S``. Vertical speed has no code. Floors apply last.
    """
    horizontal = _bound(HORIZONTAL_ACCURACY_M, said.horizontal_accuracy) / R95_2D
    vertical = _bound(VERTICAL_ACCURACY_M, said.vertical_accuracy) / Z95_1D
    velocity = _bound(SPEED_ACCURACY_MPS, said.speed_accuracy) / R95_2D
    age_s = said.time_accuracy * 0.1 / Z95_1D if is_stamped and said.time_accuracy else SIGMA_UNSTAMPED_S
    horizontal = math.hypot(horizontal, age_s * (said.speed_mps or 0.0))
    # written so that NaN stays NaN
    horizontal = SIGMA_FLOOR_HORIZONTAL_M if horizontal < SIGMA_FLOOR_HORIZONTAL_M else horizontal
    vertical = SIGMA_FLOOR_VERTICAL_M if vertical < SIGMA_FLOOR_VERTICAL_M else vertical
    return [horizontal, horizontal, vertical, velocity, velocity, math.nan]


def _bound(bounds: tuple[float | None, ...], code: int) -> float:
    return _or_nan(bounds[code]) if code < len(bounds) else math.nan
