"""The feed's own keys of the site file."""

from collections.abc import Iterable

import msgspec

from lowsky.errors import ConfigError, Fault
from lowsky.wire.asterix import tables

MAX_CODE = 255
SIGNS = {"opening": 1.0, "closing": -1.0}


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What cannot be read from the bytes.

    Attributes
    ----------
    editions : dict of str to str
        Category -> edition, as ``{"62" = "1.19", "21" = "0.26"}``. The newest known where left out.
    sac, sic : int or None
        System area and identification code of the source; others are counted as OTHER_SOURCE. A radar feed
        without them keeps to the first source it hears, until that is silent for 30 s, because a site file gives
        one radar one position.
    doppler_positive : str
        What a positive I048/120 means: ``opening`` (as the standard recommends) or ``closing``.
    duplicate_window_s : float
        A block that comes again, byte for byte, within this time is counted as DUPLICATE and left: the same line
        over two networks. 0 switches it off.
    """

    editions: dict[str, str] = {}
    sac: int | None = None
    sic: int | None = None
    doppler_positive: str = "opening"
    duplicate_window_s: float = 1.0

    def __post_init__(self) -> None:
        edition_numbers(self)  # raises ``ConfigError`` with every fault, when the site file is read


def edition_numbers(config: Config) -> dict[int, str]:
    """Category -> edition as the decoder wants it. Raises ``ConfigError`` with every fault of the config."""
    known, chosen, faults = tables.editions(), {}, []
    for category, name in config.editions.items():
        number = int(category) if category.isascii() and category.isdecimal() else -1
        if number not in known:
            faults.append(Fault(f"editions: {category}", "a category that is not read", _listed(map(str, known))))
        elif name not in known[number]:
            faults.append(Fault(f"editions: {category}", repr(name), _listed(known[number])))
        else:
            chosen[number] = name
    for key, value in (("sac", config.sac), ("sic", config.sic)):
        if value is not None and not 0 <= value <= MAX_CODE:
            faults.append(Fault(key, str(value), "0 to 255"))
    if config.doppler_positive not in SIGNS:
        faults.append(Fault("doppler_positive", repr(config.doppler_positive), _listed(SIGNS)))
    if not 0.0 <= config.duplicate_window_s <= 60.0:
        faults.append(Fault("duplicate_window_s", str(config.duplicate_window_s), "0 to 60 seconds"))
    if faults:
        raise ConfigError(faults)
    return chosen


def _listed(names: Iterable[str]) -> str:
    return "one of " + ", ".join(names)
