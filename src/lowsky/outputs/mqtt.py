"""MQTT 3.1.1: every change of an alert, the open alerts as retained messages, and whether this node is there.

    TOPIC/alerts        each occurrence, not retained
    TOPIC/alert/KEY     the newest state of one alert, retained until it is cleared
    TOPIC/status        retained; the broker itself says "offline" when the node is gone (last will)

All QoS 1. Source: OASIS MQTT 3.1.1; the client is paho-mqtt. A client of paho that has lost its connection is thrown
away: it would send what it holds once more by itself, unmarked.
"""

import threading
from typing import Annotated, Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from lowsky.clock import LiveClock
from lowsky.model.occurrence import Occurrence
from lowsky.model.output import Output
from lowsky.model.site import Site
from lowsky.outputs.facts import rfc3339
from lowsky.outputs.http import tls_context, why
from lowsky.outputs.options import secret
from lowsky.outputs.sender import Kind, Undelivered, Wrong
from lowsky.outputs.webhook import event

KEEPALIVE_S = 10  # the broker says "offline" after one and a half of it
FORBIDDEN = set("#+\0")
TEXT = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: TEXT
    topic: TEXT
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] | None = None  # 8883 with TLS, else 1883
    tls: bool = True
    ca_file: TEXT | None = None  # trust only these authorities (PEM)
    cert_file: TEXT | None = None
    key_file: TEXT | None = None
    username: TEXT | None = None
    password_file: TEXT | None = None
    password_env: TEXT | None = None
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=25.0)] = 10.0


def faults(config: Config) -> list[Wrong]:
    wrong: list[Wrong] = []
    levels = config.topic.split("/")
    if FORBIDDEN & set(config.topic) or not config.topic.isprintable() or "" in levels or levels[0].startswith("$"):
        wrong.append(("topic", repr(config.topic[:60]), "levels with / between them, without # and +"))
    if (config.password_file or config.password_env) and config.username is None:
        wrong.append((None, "a password without a name", "username = …"))
    if not config.tls:
        for name in ("ca_file", "cert_file"):
            if getattr(config, name) is not None:
                wrong.append((name, "a certificate without TLS", "tls = true, or no certificate"))
    if config.key_file is not None and config.cert_file is None:
        wrong.append(("key_file", "a key without a certificate", "cert_file = …"))
    if any(c.isspace() or c in "/@" for c in config.host):
        wrong.append(("host", repr(config.host[:60]), "a name or an address, without mqtt:// and port"))
    return wrong


def _port(config: Config) -> int:
    return config.port or (8883 if config.tls else 1883)


def says(config: Config) -> str:
    plain = "" if config.tls else ", NOT encrypted"
    return f"publishes to {config.host}:{_port(config)} under {config.topic}/{plain}"


class Broker:
    """One broker. Connects when it is first tended, and again whenever it was lost."""

    def __init__(self, config: Config, output: Output, site: Site) -> None:
        self._config, self._output, self._site = config, output, site
        self._where = f"{config.host}:{_port(config)}"
        self._password = secret(config, "password")
        self._tls = tls_context(config.ca_file, config.cert_file, config.key_file) if config.tls else None
        self._client: paho.Client | None = None

    def tend(self) -> None:
        """Be connected. Raises ``Undelivered``."""
        if self._client is not None and not self._client.is_connected():
            self._drop()
        if self._client is None:
            self._client = self._connected()
            self._publish(f"{self._config.topic}/status", self._status("online"), retain=True)

    def send(self, occurrence: Occurrence) -> None:
        self.tend()
        body = msgspec.json.encode(event(occurrence, self._output))
        own = f"{self._config.topic}/alert/{occurrence.key}"
        self._publish(own, body if occurrence.is_open else b"", retain=True)
        self._publish(f"{self._config.topic}/alerts", body)

    def close(self) -> None:
        if self._client is not None and self._client.is_connected():
            try:
                self._publish(f"{self._config.topic}/status", self._status("offline"), retain=True)
            except Undelivered:
                return
        self._drop()

    def _status(self, word: str) -> bytes:
        facts: dict[str, Any] = {"status": word, "site": self._site.name, "exercise": self._site.exercise}
        if word == "online":
            facts["since"] = rfc3339(LiveClock().now_ns())
        return msgspec.json.encode(facts)

    def _connected(self) -> paho.Client:
        config, answer = self._config, threading.Event()
        refused: list[str] = []
        client = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.connect_timeout = config.timeout_s

        def answered(client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
            if reason.is_failure:
                refused.append(str(reason))
            answer.set()

        client.on_connect = answered
        if config.username is not None:
            client.username_pw_set(config.username, self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.will_set(f"{config.topic}/status", self._status("offline"), qos=1, retain=True)
        try:
            client.connect(config.host, _port(config), KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise Undelivered(f"{self._where}: {why(error)}", may_have_arrived=False) from None
        client.loop_start()
        if not answer.wait(config.timeout_s) or refused:
            said = f"refuses us: {refused[0]}" if refused else f"no answer within {config.timeout_s:g} s"
            _end(client)
            raise Undelivered(f"{self._where}: {said}", may_have_arrived=False)
        return client

    def _publish(self, topic: str, body: bytes, retain: bool = False) -> None:
        if self._client is None:
            raise Undelivered(f"{self._where}: not connected", may_have_arrived=False)
        message = self._client.publish(topic, body, qos=1, retain=retain)
        try:
            message.wait_for_publish(self._config.timeout_s)
            is_there = message.is_published()
        except (RuntimeError, ValueError):  # the connection was lost, or the queue is full
            is_there = False
        if not is_there:
            self._drop()
            raise Undelivered(f"{self._where}: does not acknowledge what is published")

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            _end(client)


def _end(client: paho.Client) -> None:
    client.disconnect()
    client.loop_stop()


def opens(config: Config, output: Output, site: Site) -> Broker:
    return Broker(config, output, site)


KIND = Kind("MQTT", Config, faults, says, opens)
