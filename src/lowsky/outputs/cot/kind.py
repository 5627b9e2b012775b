"""CoT as an output: alerts as they change, and the objects of the picture every second or so."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Annotated, Literal

import msgspec
from lxml import etree
from takproto import TAKProtoVer, xml2proto

from lowsky.clock import LiveClock, monotonic_s
from lowsky.constants import SECOND_NS
from lowsky.model.classes import BY_LABEL
from lowsky.model.occurrence import Occurrence, Seen
from lowsky.model.output import Output
from lowsky.model.site import Site
from lowsky.outputs.cot.event import HOW, Drawing, alert_event, objects, written_time
from lowsky.outputs.cot.transport import Address, Datagrams, Stream, Transport, read_address
from lowsky.outputs.http import tls_context
from lowsky.outputs.sender import Kind, Wrong

MEANS_NOTHING = ("clutter", "wind-turbine")  # not shown unless ``classes`` asks for it
PING_S = 15.0  # of silence; servers hang up on who says nothing for minutes
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to, in which form, what of it."""

    address: Text
    encoding: Literal["xml", "protobuf"] = "xml"
    tracks: bool = True
    alerts: bool = True
    every_s: Annotated[float, msgspec.Meta(ge=0.2, le=60.0)] = 1.0
    stale_s: Annotated[float, msgspec.Meta(ge=1.0, le=300.0)] = 10.0
    alert_stale_s: Annotated[float, msgspec.Meta(ge=10.0, le=86_400.0)] = 3600.0
    classes: tuple[Text, ...] | None = None
    civil_types: bool = False
    identities: bool = True
    uid_prefix: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,60}$")] | None = None
    ca_file: Text | None = None  # trust only these authorities (PEM)
    cert_file: Text | None = None  # who we are, with its key
    key_file: Text | None = None
    server_name: Text | None = None  # in the server's certificate, where that is not the host of ``address``
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=25.0)] = 5.0
    ttl: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    interface: Text | None = None  # our address on the network that a multicast goes to


def faults(config: Config) -> list[Wrong]:
    """What the types cannot say."""
    try:
        address = read_address(config.address)
    except ValueError as error:
        return [("address", repr(config.address)[:60], str(error))]
    wrong: list[Wrong] = []
    if address.scheme != "tls":
        for name in ("ca_file", "cert_file", "key_file", "server_name"):
            if getattr(config, name) is not None:
                wrong.append((name, f"a certificate with {address.scheme}", "tls://host:port"))
    elif (config.cert_file is None) != (config.key_file is None):
        wrong.append(
            ("cert_file" if config.cert_file else "key_file", "one without the other", "cert_file and key_file")
        )
    for name in config.classes or ():
        if name not in BY_LABEL:
            wrong.append(("classes", repr(name)[:60], "some of " + ", ".join(BY_LABEL)))
    if config.stale_s < 2.0 * config.every_s:
        wrong.append(("stale_s", f"{config.stale_s:g}", "at least twice every_s, or objects blink"))
    if not (config.tracks or config.alerts):
        wrong.append(("tracks", "neither tracks nor alerts", "one of them, or both"))
    if config.interface is not None:
        try:
            IPv4Address(config.interface)
        except ValueError:
            wrong.append(("interface", repr(config.interface)[:60], "an address of this machine, as 192.0.2.7"))
        if not address.is_multicast:
            wrong.append(("interface", f"an interface for {address}", "a multicast group in address"))
    return wrong


def encoded(event: etree._Element, encoding: str, is_datagram: bool) -> bytes:
    """One message. A stream is one document after another without declarations; protobuf has a header of its own."""
    body = etree.tostring(event, xml_declaration=is_datagram, encoding="UTF-8")
    if encoding == "xml":
        return body if is_datagram else body + b"\n"
    return bytes(xml2proto(body, TAKProtoVer.MESH if is_datagram else TAKProtoVer.STREAM))


class Tak:
    """Alerts to one receiver."""

    def __init__(self, config: Config, drawing: Drawing, site: Site, transport: Transport, is_datagram: bool) -> None:
        self._config, self._drawing, self._site = config, drawing, site
        self._transport, self._is_datagram = transport, is_datagram
        self._said_s = monotonic_s()

    def send(self, occurrence: Occurrence) -> None:
        if self._config.alerts:
            self.put([alert_event(occurrence, self._site, self._drawing)])

    def put(self, events: Iterable[etree._Element]) -> None:
        messages = [encoded(event, self._config.encoding, self._is_datagram) for event in events]
        if messages:
            self._transport.send(messages)
            self._said_s = monotonic_s()

    def tend(self) -> None:
        self._transport.tend()
        if not self._is_datagram and monotonic_s() - self._said_s > PING_S:
            self.put([self._ping()])

    def _ping(self) -> etree._Element:
        now = LiveClock().now_ns()
        t, stale = written_time(now), written_time(now + round(2.0 * PING_S) * SECOND_NS)
        ping = etree.Element("event", version="2.0", uid=f"{self._drawing.prefix}.ping", type="t-x-c-t", how=HOW)
        for name, value in (("time", t), ("start", t), ("stale", stale)):
            ping.set(name, value)
        etree.SubElement(ping, "point", lat="0.0", lon="0.0", hae="9999999", ce="9999999", le="9999999")
        return ping

    def close(self) -> None:
        self._transport.close()


class TakMap:
    """Alerts and objects to one receiver."""

    def __init__(self, tak: Tak, config: Config, drawing: Drawing) -> None:
        self._tak, self._drawing = tak, drawing
        self.show_every_s = config.every_s
        self._classes = set(config.classes) if config.classes is not None else BY_LABEL.keys() - set(MEANS_NOTHING)

    def send(self, occurrence: Occurrence) -> None:
        self._tak.send(occurrence)

    def tend(self) -> None:
        self._tak.tend()

    def show(self, seen: Seen) -> None:
        shown = tuple(s for s in seen.subjects if s.class_name in self._classes or s.track_id in seen.alerted)
        self._tak.put(objects(msgspec.structs.replace(seen, subjects=shown), self._drawing))

    def close(self) -> None:
        self._tak.close()


def says(config: Config) -> str:
    address = read_address(config.address)
    what = " and ".join(word for word in ("tracks", "alerts") if getattr(config, word))
    plain = "" if address.scheme == "tls" else ", NOT encrypted"
    return f"sends {what} as Cursor on Target ({config.encoding}) to {address}{plain}"


def opens(config: Config, output: Output, site: Site) -> Tak | TakMap:
    address = read_address(config.address)
    drawing = Drawing(
        prefix=config.uid_prefix or prefix_of(site.name),
        stale_s=config.stale_s,
        alert_stale_s=config.alert_stale_s,
        civil=config.civil_types,
        identities=config.identities,
        operators=output.operator_positions,
    )
    tak = Tak(config, drawing, site, transport_to(address, config), address.scheme == "udp")
    return TakMap(tak, config, drawing) if config.tracks else tak


def transport_to(address: Address, config: Config) -> Transport:
    if address.scheme == "udp":
        return Datagrams(address, config.ttl, config.interface)
    tls = tls_context(config.ca_file, config.cert_file, config.key_file) if address.scheme == "tls" else None
    return Stream(address, config.timeout_s, tls, config.server_name)


def prefix_of(site_name: str) -> str:
    """Of the letters and digits of the site's name; what tells one node from another on a server."""
    return "lowsky-" + (re.sub(r"[^A-Za-z0-9]+", "-", site_name).strip("-")[:50] or "site")


KIND = Kind("Cursor on Target (TAK)", Config, faults, says, opens)
