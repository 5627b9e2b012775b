"""The ``source`` of a [[feed]]: read strictly, all faults at once.

======================  =========================================================================
``udp://HOST:PORT``     listen on an own address, or join the multicast group HOST
``tcp://HOST:PORT``     connect to a server, and again whenever it is lost
``tcp-listen://HOST:PORT``  let senders connect to us
``file:PATH``           play a recorded file, its times moved to now (``?times=recorded`` keeps them)
``pcap:PATH``           play a capture
======================  =========================================================================

Options follow a question mark: ``udp://239.1.1.1:8600?interface=192.168.1.5``.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lowsky.errors import Fault

SOCKETS = ("udp", "tcp", "tcp-listen")
PLAYED = ("file", "pcap")
SCHEMES = (*SOCKETS, *PLAYED)
MAX_CLIENTS = 64
ADDRESS = re.compile(r"^(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]/?#@\s]*):(?P<port>[0-9]{1,5})/?$")
IPV4 = re.compile(r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$")
HOST_NAME = re.compile(r"^(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$")


@dataclass(frozen=True, slots=True)
class Source:
    """One place bytes come from. Two feeds of equal sources share one socket."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    interface: str = ""  # udp multicast: address (IPv4) or name (IPv6) of the network interface
    clients: int = 16  # tcp-listen: senders at one time
    recorded_times: bool = False  # file, pcap: keep the recording's times instead of moving it to now

    @property
    def is_multicast(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_multicast
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.scheme in PLAYED:
            return f"{self.scheme}:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def _interface(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,45}", text):
        raise ValueError("an address of this machine, or for IPv6 the name of an interface")
    return text


def _clients(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_CLIENTS:
        raise ValueError(f"a number from 1 to {MAX_CLIENTS}")
    return int(text)


def _times(text: str) -> bool:
    if text not in ("now", "recorded"):
        raise ValueError("now or recorded")
    return text == "recorded"


OPTIONS: dict[str, dict[str, tuple[str, Callable[[str], str | int | bool]]]] = {
    "udp": {"interface": ("interface", _interface)},
    "tcp": {},
    "tcp-listen": {"clients": ("clients", _clients)},
    "file": {"times": ("recorded_times", _times)},
    "pcap": {"times": ("recorded_times", _times)},
}


def parse_source(text: str, where: str = "source") -> tuple[Source | None, list[Fault]]:
    """The source, or None with every fault in it."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in SCHEMES:
        return None, [Fault(where, repr(text), "one of " + ", ".join(f"{s}:…" for s in SCHEMES))]
    place, _, query = rest.rpartition("?") if "=" in rest.rpartition("?")[2] and "?" in rest else (rest, "", "")
    values, faults = _options(scheme, query, where)
    if scheme in PLAYED:
        if not place or "\0" in place:
            faults.append(Fault(where, repr(text), f"{scheme}:PATH"))
        values["path"] = place
    else:
        values |= _address(scheme, place, text, where, faults)
    if faults:
        return None, faults
    source = Source(scheme, **values)
    if source.interface and not source.is_multicast:
        return None, [Fault(where, f"interface with {source.host}", "a multicast group, where an interface is given")]
    if source.interface and ":" not in source.host and not IPV4.match(source.interface):
        return None, [Fault(where, f"interface={source.interface}", "the address of this machine on that network")]
    return source, []


def _options(scheme: str, query: str, where: str) -> tuple[dict[str, Any], list[Fault]]:
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    known = OPTIONS[scheme]
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        if name not in known:
            expected = "one of " + ", ".join(known) if known else f"no options of {scheme}"
            faults.append(Fault(where, f"an unknown option {name!r}", expected))
            continue
        key, reads = known[name]
        try:
            values[key] = reads(value)
        except ValueError as wanted:
            faults.append(Fault(where, f"{name}={value}", str(wanted)))
    return values, faults


def _address(scheme: str, place: str, text: str, where: str, faults: list[Fault]) -> dict[str, Any]:
    found = ADDRESS.match(place.removeprefix("//")) if place.startswith("//") else None
    if found is None:
        faults.append(Fault(where, repr(text), f"{scheme}://HOST:PORT"))
        return {}
    host, port = found["host"], int(found["port"])
    if not 1 <= port <= 65535:
        faults.append(Fault(where, f"port {port}", "a port from 1 to 65535"))
    if host.startswith("["):
        host = host[1:-1]
        if not _is_address(host):
            faults.append(Fault(where, f"[{host}]", "an IPv6 address in brackets"))
    elif re.fullmatch(r"[0-9.]+", host) and not _is_address(host):
        faults.append(Fault(where, host, "four numbers from 0 to 255"))
    elif scheme == "udp" and not _is_address(host) and host != "localhost":
        faults.append(Fault(where, repr(host), "an address of this machine (0.0.0.0 for all), or of a group"))
    elif not HOST_NAME.match(host):
        faults.append(Fault(where, repr(host), "a host name or an address"))
    if scheme != "udp" and _is_address(host) and ipaddress.ip_address(host).is_multicast:
        faults.append(Fault(where, host, f"an address of one host: {scheme} knows no groups"))
    return {"host": host, "port": port}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
