"""What a feed says about itself."""

from collections.abc import Callable

import msgspec

from lowsky.model.ports import Cut


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A feed's card.

    Attributes
    ----------
    name : str
        The ``format`` of the site file.
    title : str
        What it reads, for people.
    sensor_kinds : tuple of str
        Kinds of sensor (``lowsky.model.site.SENSOR_KINDS``) that may speak it.
    sources : tuple of str
        Schemes of ``source`` it can be read from: udp, tcp, tcp-listen, file, pcap.
    cut : callable
        Framing for byte streams (tcp, file); unused for datagrams. ``lowsky.model.ports.Cut``.
    sniff : callable
        First 64 kB of a file and its name -> True if this feed reads it. Used by ``lowsky track``.
    """

    name: str
    title: str
    sensor_kinds: tuple[str, ...]
    sources: tuple[str, ...]
    cut: Cut
    sniff: Callable[[bytes, str], bool]
