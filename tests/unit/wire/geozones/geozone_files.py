"""Small geo-zone files of our own, about 45° N, 8° E."""

import copy
import json

SQUARE = [[8.0, 45.0], [8.01, 45.0], [8.01, 45.01], [8.0, 45.01], [8.0, 45.0]]
HOLE = [[8.002, 45.002], [8.004, 45.002], [8.004, 45.004], [8.002, 45.004], [8.002, 45.002]]
LAYER = {"upper": 120, "upperReference": "AMSL", "lower": 0, "lowerReference": "AGL", "uom": "m"}


def polygon(*rings, layer=LAYER):
    return {"type": "Polygon", "coordinates": list(rings), "layer": layer}


def circle(lon=8.02, lat=45.02, radius=500, layer=LAYER):
    extent = {"subType": "Circle", "radius": radius}
    return {"type": "Point", "coordinates": [lon, lat], "extent": extent, "layer": layer}


def feature(identifier, geometry, kind="PROHIBITED", **properties):
    told = {"identifier": identifier, "country": "ITA", "type": kind, "variant": "COMMON", "zoneAuthority": []}
    told |= {"name": [{"text": f"Area {identifier}", "lang": "en"}]} | properties
    return {"type": "Feature", "geometry": geometry, "properties": told}


def ed318(*features):
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


def feature_269(identifier, projection, restriction="PROHIBITED", **more):
    height = {
        "uomDimensions": "FT", "lowerLimit": 0, "lowerVerticalReference": "AGL", "upperLimit": 400,
        "upperVerticalReference": "AGL",
    }  # fmt: skip
    told = {"identifier": identifier, "country": "ITA", "name": f"Area {identifier}", "type": "COMMON"}
    told |= {"restriction": restriction, "geometry": [height | {"horizontalProjection": projection}]}
    return told | {"applicability": [{"permanent": "YES"}]} | more


def ed269(*features):
    return json.dumps({"title": "zones", "features": list(features)}).encode()


def swapped(geometry):
    """Latitude first."""
    other = copy.deepcopy(geometry)

    def turn(places):
        return [turn(p) for p in places] if isinstance(places[0], list) else places[::-1]

    other["coordinates"] = turn(other["coordinates"])
    return other
