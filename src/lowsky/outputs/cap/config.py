"""The keys of ``[[output]] kind = "cap"``."""

import re
from typing import Annotated, Literal

import msgspec

from lowsky.outputs.cap.texts import DEFAULT_LANGUAGE
from lowsky.outputs.http import url_fault
from lowsky.outputs.sender import Wrong

TOLD = ("raised", "raised-higher", "escalated", "cleared")
"""What makes a message. What people do at the desk (acknowledge, shelve) changes nothing of the situation that others
are warned of, so it makes none."""

SENDER = re.compile(r"^[^\s,<&]{1,100}$")  # CAP 1.2, 3.2.1: no spaces, commas or restricted characters
Category = Literal[
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"
]  # fmt: skip


Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where messages go, who sends them, to whom they are addressed, in which languages, signed with what."""

    sender: Text
    folder: Text | None = None
    url: Text | None = None
    token_file: Text | None = None  # "Authorization: Bearer …" of the POST
    token_env: Text | None = None
    ca_file: Text | None = None  # trust only these authorities (PEM)
    cert_file: Text | None = None  # show this certificate, with its key, to the receiver
    key_file: Text | None = None
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=50.0)] = 10.0
    signing_key_file: Text | None = None
    signing_certificate_file: Text | None = None
    languages: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=20)] = (DEFAULT_LANGUAGE,)
    messages_file: Text | None = None
    sender_name: Text | None = None
    contact: Text | None = None
    web: Text | None = None
    scope: Literal["Public", "Restricted", "Private"] = "Restricted"
    restriction: Text = "For those responsible for the site and for whom they tell"
    addresses: Annotated[tuple[Text, ...], msgspec.Meta(max_length=100)] = ()
    categories: Annotated[tuple[Category, ...], msgspec.Meta(min_length=1)] = ("Security",)
    test: bool = False
    expires_s: Annotated[float, msgspec.Meta(ge=60.0, le=86_400.0)] = 3600.0
    sensors: bool = False
    identities: bool = False


def faults(config: Config) -> list[Wrong]:
    """What the types cannot say."""
    wrong: list[Wrong] = []
    if not SENDER.match(config.sender) or not config.sender.isprintable():
        wrong.append(("sender", repr(config.sender)[:60], "such as lowsky@airport.example: no space, comma, < or &"))
    if config.folder is None and config.url is None:
        wrong.append((None, "neither folder nor url", "one of them, or both"))
    for name, url in (("url", config.url), ("web", config.web)):
        if url is not None and (fault := url_fault(url)):
            wrong.append((name, *fault))
    for certificate, key in (("signing_certificate_file", "signing_key_file"), ("cert_file", "key_file")):
        if getattr(config, certificate) is not None and getattr(config, key) is None:
            wrong.append((certificate, f"a certificate without {key}", f"{key} = …"))
    if config.scope == "Private" and not config.addresses:
        wrong.append(("addresses", 'none with scope "Private"', "to whom it is addressed"))
    if any('"' in address for address in config.addresses):
        wrong.append(("addresses", "a quotation mark", "addresses without one"))
    return wrong
