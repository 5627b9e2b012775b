"""What ED-318 and ED-269 files hold, as far as it is used, and what both become.

Unknown members are passed over (GeoJSON allows them, and nations add their own); what is known has to be of its type.
"""

from typing import Literal

import msgspec


class Text(msgspec.Struct):
    text: str = ""
    lang: str = ""


class Daily(msgspec.Struct, rename="camel"):
    """Both: ``day`` MON … SUN, ANY; clock times, or events of daylight (BMCT, SR, SS, EECT)."""

    day: list[str] | str = []
    start_time: str | None = None
    end_time: str | None = None
    start_event: str | None = None
    end_event: str | None = None


class Applicability(msgspec.Struct, rename="camel"):
    permanent: str = ""  # ED-269: YES, NO
    start_date_time: str | None = None
    end_date_time: str | None = None
    schedule: list[Daily] | None = None


class Layer(msgspec.Struct, rename="camel"):
    upper: float | None = None
    upper_reference: str = ""
    lower: float | None = None
    lower_reference: str = ""
    uom: str = "m"


class Extent(msgspec.Struct, rename="camel"):
    sub_type: str
    radius: float


class Geometry318(msgspec.Struct, rename="camel"):
    type: str
    coordinates: msgspec.Raw = msgspec.Raw(b"null")
    geometries: list["Geometry318"] = []
    layer: Layer | None = None
    extent: Extent | None = None


class Properties318(msgspec.Struct, rename="camel"):
    identifier: str
    type: str = ""
    country: str = ""
    name: list[Text] | str | None = None
    limited_applicability: list[Applicability] | None = None


class Feature318(msgspec.Struct):
    type: Literal["Feature"]
    geometry: Geometry318 | None
    properties: Properties318


class Projection269(msgspec.Struct, rename="camel"):
    type: str
    coordinates: msgspec.Raw = msgspec.Raw(b"null")
    center: list[float] = []
    radius: float | None = None


class Geometry269(msgspec.Struct, rename="camel"):
    horizontal_projection: Projection269
    uom_dimensions: str = "M"
    lower_limit: float | None = None
    lower_vertical_reference: str = ""
    upper_limit: float | None = None
    upper_vertical_reference: str = ""


class Feature269(msgspec.Struct, rename="camel"):
    identifier: str
    geometry: list[Geometry269]
    country: str = ""
    name: str | None = None
    restriction: str = ""
    applicability: list[Applicability] | Applicability | None = None


Ring = tuple[tuple[float, float], ...]


class Limit(msgspec.Struct, frozen=True):
    """A height of a zone, m; ``reference`` AGL, AMSL or WGS84, or what the file says instead."""

    value_m: float
    reference: str


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One volume. ``rings`` degrees in the order of the file: outline and holes; or a circle's middle, with radius."""

    rings: tuple[Ring, ...]
    radius_m: float | None = None
    lower: Limit | None = None
    upper: Limit | None = None


class GeoZone(msgspec.Struct, frozen=True, kw_only=True):
    """One feature. ``place`` says where in the file; ``notes`` what of it could not be used as it is."""

    place: str
    identifier: str
    name: str
    restriction: str
    pieces: tuple[Piece, ...]
    applies: tuple[Applicability, ...]
    notes: tuple[str, ...] = ()


class Trouble(msgspec.Struct, frozen=True):
    """One thing of the file that cannot be used: where, what was found, what would be right."""

    place: str
    found: str
    expected: str
