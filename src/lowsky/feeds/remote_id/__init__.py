"""Broadcast Remote ID: what drones say of themselves over Bluetooth and Wi-Fi. docs/feeds/remote-id.md."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from lowsky.errors import DecodeError
from lowsky.feeds.files import capture_of, pieces_of, reject_of
from lowsky.feeds.manifest import Manifest
from lowsky.feeds.remote_id.normalise import RemoteIdReader, cut_whole, looks_like_remote_id
from lowsky.model.ports import Normalised
from lowsky.model.site import Sensor, Site
from lowsky.wire.capture import Packet, read_packets

MANIFEST = Manifest(
    name="remote-id",
    title="Remote ID broadcasts (ASTM F3411-22a, EN 4709-002) from captures or a receiver",
    sensor_kinds=("cooperative",),
    sources=("udp", "file", "pcap"),
    cut=cut_whole,
    sniff=looks_like_remote_id,
)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of a [[feed]] with format = "remote-id".

    Attributes
    ----------
    link : str
        What one live frame (datagram) holds; recorded files say it themselves.
        "odid": one bare message or pack, the sender's address and port standing for the transmitter;
        "ble": one Bluetooth LE advertising packet from access address to CRC;
        "wifi": one 802.11 frame without radiotap header and FCS;
        "pcap": a whole small capture file.
    max_time_error_s : float
        A transmitter's own time is believed if it lies within this of reception, and at most 2 s ahead of it;
        otherwise reception is used.
    forget_after_s : float
        Identity and operator of a transmitter silent for so long are forgotten.
    keep_operator : bool
        False: operator id and position (personal data) never leave the feed.
    accept_bad_crc : bool
        True: messages of frames with a wrong link checksum are used, too. For looking at captures only.
    """

    link: Literal["odid", "ble", "wifi", "pcap"] = "odid"
    max_time_error_s: float = 3.0
    forget_after_s: float = 300.0
    keep_operator: bool = True
    accept_bad_crc: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_time_error_s <= 1800.0:
            raise ValueError("max_time_error_s is a number from 0 to 1800")
        if not 1.0 <= self.forget_after_s <= 86_400.0:
            raise ValueError("forget_after_s is a number from 1 to 86400")


def open_feed(config: Config, sensor: Sensor, site: Site) -> RemoteIdReader:
    return RemoteIdReader(
        sensor.id,
        link=config.link,
        max_time_error_s=config.max_time_error_s,
        forget_after_s=config.forget_after_s,
        keep_operator=config.keep_operator,
        accept_bad_crc=config.accept_bad_crc,
    )


def read_file(path: Path, config: Config, sensor: Sensor, site: Site, start_ns: int | None) -> Iterator[Normalised]:
    """A pcap or pcapng, packet by packet, received when the capture says. ``start_ns`` is not needed."""
    reader = open_feed(config, sensor, site)
    content, fault = capture_of(pieces_of(path))
    try:
        for packet in read_packets(content):
            yield _one(reader, packet)
    except DecodeError as error:
        fault = error
    if fault is not None:
        yield Normalised((), records=1, rejected=Counter({reject_of(fault): 1}))


def _one(reader: RemoteIdReader, packet: Packet) -> Normalised:
    try:
        return reader.packet(packet)
    except DecodeError as error:
        return Normalised((), records=1, rejected=Counter({reject_of(error): 1}))
