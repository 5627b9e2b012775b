"""Webhooks: one POST per occurrence, CloudEvents 1.0 in structured JSON, signed with HMAC-SHA256.

Sources: CNCF CloudEvents specification 1.0.2, its JSON event format and HTTP binding; RFC 2104 (HMAC).
"""

import hashlib
import hmac
from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from lowsky.clock import LiveClock
from lowsky.errors import ConfigError, Fault
from lowsky.model.occurrence import Occurrence
from lowsky.model.output import Output
from lowsky.model.site import Site
from lowsky.outputs.facts import facts, rfc3339
from lowsky.outputs.http import Receiver, post, tls_context, url_fault
from lowsky.outputs.options import secret
from lowsky.outputs.sender import Kind, Wrong

MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"
SIGNATURE = "Lowsky-Signature"
TEXT = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: TEXT | None = None  # or, where the address itself is a secret:
    url_file: TEXT | None = None
    url_env: TEXT | None = None
    secret_file: TEXT | None = None  # signs; without one nothing is signed
    secret_env: TEXT | None = None
    ca_file: TEXT | None = None  # trust only these authorities (PEM)
    cert_file: TEXT | None = None  # show this certificate, with its key, to the receiver
    key_file: TEXT | None = None
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=50.0)] = 10.0


def faults(config: Config) -> list[Wrong]:
    wrong: list[Wrong] = []
    given = [name for name in ("url", "url_file", "url_env") if getattr(config, name) is not None]
    if len(given) != 1:
        wrong.append((given[1] if given else None, " and ".join(given) or "no url", "url, url_file or url_env"))
    if config.url is not None and (fault := url_fault(config.url)):
        wrong.append(("url", *fault))
    if config.key_file is not None and config.cert_file is None:
        wrong.append(("key_file", "a key without a certificate", "cert_file = …"))
    return wrong


def says(config: Config) -> str:
    where = "an address kept secret" if config.url is None else Receiver(config.url, 0.0, None).shown
    signed = "signed" if config.secret_file or config.secret_env else "not signed"
    return f"POSTs CloudEvents to {where}, {signed}"


def event(occurrence: Occurrence, output: Output) -> dict[str, Any]:
    """The CloudEvent. ``id`` stays the same when it is sent again; ``sequence`` orders as text."""
    return {
        "specversion": "1.0",
        "id": occurrence.name,
        "source": f"urn:lowsky:{quote(occurrence.site, safe='')}",
        "type": f"lowsky.alert.{occurrence.change}",
        "subject": occurrence.key,
        "time": rfc3339(occurrence.t_ns),
        "datacontenttype": "application/json",
        "sequence": f"{occurrence.number:012d}",
        "exercise": occurrence.is_exercise,
        "repeat": occurrence.is_repeat,
        "data": facts(occurrence, output),
    }


def signature(key: bytes, t_s: int, body: bytes) -> str:
    """``t=SECONDS,v1=HEX``: HMAC-SHA256 over the seconds as decimal text, a full stop, and the body."""
    return f"t={t_s},v1={hmac.new(key, f'{t_s}.'.encode() + body, hashlib.sha256).hexdigest()}"


class Webhook:
    """Sends to one receiver."""

    def __init__(self, receiver: Receiver, key: bytes | None, output: Output) -> None:
        self._receiver, self._key, self._output = receiver, key, output

    def send(self, occurrence: Occurrence) -> None:
        body = msgspec.json.encode(event(occurrence, self._output))
        headers = {"content-type": MEDIA_TYPE, "user-agent": "lowsky"}
        if self._key is not None:
            headers[SIGNATURE] = signature(self._key, LiveClock().now_ns() // 1_000_000_000, body)
        post(self._receiver, body, headers)

    def close(self) -> None:
        return None


def opens(config: Config, output: Output, site: Site) -> Webhook:
    url = config.url or (secret(config, "url") or "").strip()
    fault = url_fault(url)
    if fault is not None:
        raise ConfigError([Fault(f"output {output.id}: the address kept secret", "no address", fault[1])])
    tls = None
    if url.startswith("https:"):
        tls = tls_context(config.ca_file, config.cert_file, config.key_file)
    key = secret(config, "secret")
    return Webhook(Receiver(url, config.timeout_s, tls), None if key is None else key.encode(), output)


KIND = Kind("Webhook (CloudEvents)", Config, faults, says, opens)
