"""A captured packet to the Remote ID payloads in it, whatever link they came over."""

import math
from dataclasses import dataclass

from lowsky.errors import Truncated, Unsupported
from lowsky.wire.capture import (
    LINK_BLUETOOTH_LE_LL,
    LINK_BLUETOOTH_LE_LL_WITH_PHDR,
    LINK_IEEE802_11,
    LINK_IEEE802_11_RADIOTAP,
    LINK_NORDIC_BLE,
    Packet,
)
from lowsky.wire.remoteid import bluetooth, wifi

LINK_TYPES = frozenset(
    (
        LINK_IEEE802_11,
        LINK_IEEE802_11_RADIOTAP,
        LINK_BLUETOOTH_LE_LL,
        LINK_BLUETOOTH_LE_LL_WITH_PHDR,
        LINK_NORDIC_BLE,
    )
)
"""Link types of captures that are read."""

NO_RSSI = math.nan


@dataclass(frozen=True, slots=True)
class Transmission:
    """One Remote ID payload off the air.

    Attributes
    ----------
    transmitter : str
        Link address it was sent from, "aa:bb:cc:dd:ee:ff"; "" where the frame carries none.
    transport : str
        "bluetooth", "wifi-beacon" or "wifi-nan".
    counter : int
        The sender's message counter, 0–255; it need not change where the content does not.
    payload : bytes
        One message or a pack (``messages.split``).
    crc_ok : bool or None
        Whether the link checksum of the frame was right; None where the capture does not tell.
    rssi_dbm : float
        Received level; NaN where the capture does not tell.
    """

    transmitter: str
    transport: str
    counter: int
    payload: bytes
    crc_ok: bool | None
    rssi_dbm: float


def transmissions(packet: Packet) -> list[Transmission]:
    """All Remote ID payloads of one captured packet; none in most packets of a busy band.

    Raises
    ------
    Unsupported
        A link type not in ``LINK_TYPES``.
    Truncated
        Too short for its own headers.
    """
    link, raw = packet.link_type, packet.payload
    if link == LINK_IEEE802_11_RADIOTAP:
        frame, crc_ok, rssi_dbm = wifi.strip_radiotap(raw)
        found = wifi.remote_id(frame)
        transmitter = wifi.transmitter(frame) if found else ""
    elif link == LINK_IEEE802_11:
        crc_ok, rssi_dbm = None, NO_RSSI
        found = wifi.remote_id(raw)
        transmitter = wifi.transmitter(raw) if found else ""
    elif link in LINK_TYPES:
        le, crc_ok, rssi_dbm = _le_packet(link, raw)
        if le is None:
            return []
        transmitter, found = bluetooth.remote_id(le.pdu)
        if found and crc_ok is None:
            crc_ok = bluetooth.crc_is_right(le)
    else:
        raise Unsupported("link type", 0, raw)
    if packet.crc_ok is False:
        crc_ok = False
    return [Transmission(transmitter, how, counter, payload, crc_ok, rssi_dbm) for how, counter, payload in found]


def _le_packet(link: int, raw: bytes) -> tuple[bluetooth.LePacket | None, bool | None, float]:
    """The advertising packet in one of the three Bluetooth LE link types, None for other packets."""
    if link == LINK_BLUETOOTH_LE_LL:
        return bluetooth.le_packet(raw, 0, is_coded=False), None, NO_RSSI
    header = bluetooth.nordic_header(raw) if link == LINK_NORDIC_BLE else bluetooth.phdr_header(raw)
    if header is None:
        return None, None, NO_RSSI
    if header.start >= len(raw):
        raise Truncated("Bluetooth header cut", len(raw), raw)
    return bluetooth.le_packet(raw, header.start, header.is_coded), header.crc_ok, header.rssi_dbm
