"""Numbers of a scenario file. Every one is bounded, so that no file can make the arithmetic overflow.

A value of type ``Draw``, ``Amount`` or ``Decibels`` is a number, or ``[from, to]``: drawn uniformly for each target
(docs/scenarios.md).
"""

from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

Bounded = Annotated[float, Meta(ge=-1e7, le=1e7)]
Positive = Annotated[float, Meta(gt=0.0, le=1e7)]
NotNegative = Annotated[float, Meta(ge=0.0, le=1e7)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Level = Annotated[float, Meta(ge=-200.0, le=200.0)]  # dB
Speed = Annotated[float, Meta(ge=-100.0, le=100.0)]  # m/s, of wind
Vector = tuple[Bounded, Bounded, Bounded]
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._ -]+$")]


class Limits(NamedTuple):
    """Of a draw, kept by ``read``: msgspec 0.22 crashes on bounds inside a union with a tuple."""

    low: float
    high: float


Draw = Annotated[float | tuple[float, float], Limits(-1e7, 1e7)]
Amount = Annotated[float | tuple[float, float], Limits(0.0, 1e7)]
Decibels = Annotated[float | tuple[float, float], Limits(-100.0, 200.0)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every table of a scenario file (``kw_only`` is not inherited, so each says it)."""
