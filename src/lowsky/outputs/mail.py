"""E-mail in plain text: one message per occurrence, one thread per alert.

Text from the air cannot make a header: it is freed of control characters, and the standard library refuses what would
still break a line. Sources: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 5322 (format), RFC 3834 (Auto-Submitted).
"""

import re
import smtplib
import socket
import threading
from email.message import EmailMessage
from email.policy import SMTP as LINES_OF_SMTP
from email.utils import format_datetime
from typing import Annotated, Literal

import msgspec

from lowsky.model.occurrence import Occurrence
from lowsky.model.output import Output
from lowsky.model.site import Site
from lowsky.outputs.facts import datetime_of, facts
from lowsky.outputs.http import tls_context, why
from lowsky.outputs.options import secret
from lowsky.outputs.sender import Kind, Undelivered, Wrong
from lowsky.wire.shown import shown

MOST_ADDRESSES = 100
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
PORTS = {"tls": 465, "starttls": 587, "none": 25}
TEXT = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: TEXT
    sender: TEXT
    recipients: Annotated[list[TEXT], msgspec.Meta(min_length=1, max_length=MOST_ADDRESSES)]
    security: Literal["starttls", "tls", "none"] = "starttls"
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] | None = None  # 587, with "tls" 465, with "none" 25
    ca_file: TEXT | None = None
    username: TEXT | None = None
    password_file: TEXT | None = None
    password_env: TEXT | None = None
    timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=50.0)] = 30.0  # for all of one message


def faults(config: Config) -> list[Wrong]:
    wrong: list[Wrong] = []
    right = "an address as name@example.org"
    if not ADDRESS.fullmatch(config.sender):
        wrong.append(("sender", repr(config.sender[:60]), right))
    wrong += [("recipients", repr(a[:60]), right) for a in config.recipients if not ADDRESS.fullmatch(a)]
    has_password = bool(config.password_file or config.password_env)
    if has_password != (config.username is not None):
        found = "a password without a name" if has_password else "a name without a password"
        wrong.append((None, found, "username and password_file or password_env"))
    if has_password and config.security == "none":
        wrong.append(("security", "a password over a connection that is not encrypted", "starttls or tls"))
    if any(c.isspace() or c in "/@" for c in config.host):
        wrong.append(("host", repr(config.host[:60]), "a name or an address"))
    return wrong


def _port(config: Config) -> int:
    return config.port or PORTS[config.security]


def says(config: Config) -> str:
    n = len(config.recipients)
    to = config.recipients[0] if n == 1 else f"{n} addresses"
    plain = ", NOT encrypted" if config.security == "none" else ""
    return f"mails {to} over {config.host}:{_port(config)}{plain}"


def message(occurrence: Occurrence, config: Config, output: Output) -> EmailMessage:
    """The mail. Its name stays the same when it is sent again, so that a mail program can put both together."""
    o, host = occurrence, config.sender.rpartition("@")[2]
    marks = ["EXERCISE"] * o.is_exercise + ["REPEAT"] * o.is_repeat
    mail = EmailMessage(policy=LINES_OF_SMTP)
    mail["From"] = config.sender
    mail["To"] = ", ".join(config.recipients)
    mail["Date"] = format_datetime(datetime_of(o.t_ns))
    words = " ".join([*(f"[{mark}]" for mark in marks), f"{o.priority.upper()} {o.change}:", o.title])
    mail["Subject"] = shown(words, 150)
    mail["Message-ID"] = f"<lowsky-{o.name}@{host}>"
    if o.references:
        mail["In-Reply-To"] = mail["References"] = f"<lowsky-{o.key}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    if o.priority == "high":
        mail["Importance"] = "high"
    mail.set_content(text(o, output))
    return mail


def text(occurrence: Occurrence, output: Output) -> str:
    """The body: what a person has to know first, first."""
    said = facts(occurrence, output)
    lines = []
    if occurrence.is_exercise:
        lines += ["THIS IS AN EXERCISE. NOTHING OF IT IS REAL.", ""]
    if occurrence.is_repeat:
        lines += ["This may have been sent before.", ""]
    lines += [said["title"], "", f"{occurrence.change}, {occurrence.priority} priority, {said['time']}"]
    for name, key in (("Site", "site"), ("Because", "cause"), ("By", "by")):
        lines += [f"{name}: {said[key]}"] if said.get(key) else []
    if said.get("zones"):
        lines.append("Zones: " + ", ".join(said["zones"]))
    if said.get("why"):
        lines += ["", f"Why: {said['why']}"]
    for track in said.get("tracks", ()):
        lines += ["", _track(track)]
    lines += ["", f"Alert {occurrence.alert_id} ({occurrence.key}), message {occurrence.name}"]
    return "\n".join(lines) + "\n"


def _track(track: dict[str, object]) -> str:
    place = f"{track['latitude_deg']}, {track['longitude_deg']}" if "latitude_deg" in track else "position not known"
    parts = [f"T{track['track_id']} {track['class']}: {place}"]
    parts += [f"{name} {track[key]} m" for name, key in (("±", "radius_95_m"), ("height", "height_m")) if key in track]
    parts += [f"calls itself {track['identity']} ({track['identity_state']})"] if "identity" in track else []
    if "operator_latitude_deg" in track:
        parts.append(f"says its operator is at {track['operator_latitude_deg']}, {track['operator_longitude_deg']}")
    return ", ".join(parts)


class Mailer:
    """One server. A connection lasts for one message."""

    def __init__(self, config: Config, output: Output) -> None:
        self._config, self._output = config, output
        self._where = f"{config.host}:{_port(config)}"
        self._tls = None if config.security == "none" else tls_context(config.ca_file)
        self._password = secret(config, "password")

    def send(self, occurrence: Occurrence) -> str:
        mail = message(occurrence, self._config, self._output)
        has_begun = is_data_refused = False
        config = self._config
        if config.security == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(timeout=config.timeout_s, context=self._tls)
        else:
            smtp = smtplib.SMTP(timeout=config.timeout_s)
        is_over = threading.Event()
        over = threading.Timer(config.timeout_s, _cut, (smtp, is_over))
        over.daemon = True
        over.start()
        try:
            smtp._host = config.host  # type: ignore[attr-defined]  # what a certificate is checked against
            smtp.connect(config.host, _port(config))
            if config.security == "starttls":
                smtp.starttls(context=self._tls)
            if config.username is not None:
                smtp.login(config.username, self._password or "")
            has_begun = True
            refused = smtp.send_message(mail)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            said = f"not done within {config.timeout_s:g} s" if is_over.is_set() else _said(error)
            is_data_refused = isinstance(error, smtplib.SMTPDataError) and 500 <= error.smtp_code < 600
            raise Undelivered(f"{self._where}: {said}", is_data_refused, has_begun) from None
        finally:
            over.cancel()
            smtp.close()
        return f"{self._where}: refuses {', '.join(sorted(refused))}" if refused else ""

    def close(self) -> None:
        return None


def _cut(smtp: smtplib.SMTP, is_over: threading.Event) -> None:
    """The time is up: whoever waits on its socket gets an error."""
    is_over.set()
    connection = smtp.sock
    if connection is not None:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"refuses {', '.join(sorted(error.recipients))}"
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"answers {error.smtp_code} {shown(words, 120)}"
    return str(shown(why(error), 120))


def opens(config: Config, output: Output, site: Site) -> Mailer:
    return Mailer(config, output)


KIND = Kind("E-mail", Config, faults, says, opens)
