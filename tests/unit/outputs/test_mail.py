"""Held against aiosmtpd: what a person gets, over which connections, and what no text from the air can do."""

import contextlib
import email
import email.policy
import socket

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from tests import certificates
from tests.outboxes import OUTPUT, occurrence
from tests.scenarios.node.harness import free_port

from lowsky.model.occurrence import Subject
from lowsky.outputs.mail import KIND
from lowsky.outputs.options import read_options
from lowsky.outputs.sender import Undelivered

ADDRESSES = {"sender": "node@example.org", "recipients": ["desk@example.org", "chief@example.org"]}


class Box:
    """Keeps mails; refuses as told."""

    def __init__(self, data="250 OK", rcpt=()):
        self.mails, self.data, self.refused = [], data, rcpt

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  aiosmtpd's name
        if address in self.refused:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.mails.append((envelope, session))
        return self.data


@contextlib.contextmanager
def served(box, **options):
    controller = Controller(box, hostname="127.0.0.1", port=free_port(socket.SOCK_STREAM), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def mailer(port, **options):
    config, wrong = read_options(
        KIND.config, ADDRESSES | {"host": "127.0.0.1", "port": port, "timeout_s": 5.0} | options
    )
    assert (wrong, KIND.faults(config)) == ([], [])
    return KIND.opens(config, OUTPUT, None)


def read(envelope):
    return email.message_from_bytes(envelope.content, policy=email.policy.default)


def test_a_mail_says_what_where_and_why_and_marks_exercise_and_repeat():
    subject = Subject(track_id=12, latitude_rad=0.6537, longitude_rad=2.2096, radius_95_m=14.2, height_m=88.0)
    told = occurrence(
        9, alert=7, subjects=(subject,), why="rule r: existence 0.98, needs 0.9", is_exercise=True, is_repeat=True,
        priority="high", zones=("tower",),
    )  # fmt: skip
    with served(box := Box()) as port:
        assert mailer(port, security="none").send(told) == ""
    ((envelope, _),) = box.mails
    mail = read(envelope)
    assert envelope.rcpt_tos == ADDRESSES["recipients"]
    assert mail["subject"].startswith("[EXERCISE] [REPEAT] HIGH raised-higher: test 9")
    assert (mail["message-id"], mail["in-reply-to"]) == (
        "<lowsky-k3v9k3v9-9@example.org>", "<lowsky-k3v9k3v9-7@example.org>"
    )  # fmt: skip
    body = mail.get_content()
    for part in ("THIS IS AN EXERCISE", "tower", "needs 0.9", "37.45", "± 14.2 m", "height 88.0 m"):
        assert part in body


def test_no_text_from_the_air_makes_a_header_or_an_end_of_the_mail():
    hostile = "x\r\nBcc: everybody@example.org\r\n\r\n.\r\nMAIL FROM:<evil@example.org>\u2028\x00é"
    told = occurrence(1, title=hostile, subjects=(Subject(track_id=1, identity=hostile),), cause=hostile, why=hostile)
    with served(box := Box()) as port:
        mailer(port, security="none").send(told)
    ((envelope, _),) = box.mails
    mail = read(envelope)
    assert mail["bcc"] is None and envelope.rcpt_tos == ADDRESSES["recipients"]
    assert "everybody@example.org" in mail["subject"] and "everybody@example.org" in mail.get_content()
    assert "Bcc" not in {line.partition(":")[0] for line in mail.get_content().splitlines()}


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # aiosmtpd does not count a connection that is TLS from its start
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_both_ways_of_encryption_check_the_certificate_and_send_the_password_only_then(tmp_path, security):
    certificates.write(tmp_path)
    (tmp_path / "password").write_text("right\n")
    context = certificates.server_context(tmp_path)

    def authenticator(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password == b"right" and data.login == b"node", handled=False)

    options = {"tls_context": context, "require_starttls": True} if security == "starttls" else {"ssl_context": context}
    options |= {"authenticator": authenticator, "auth_required": True, "auth_require_tls": security == "starttls"}
    more = {"security": security, "username": "node", "password_file": str(tmp_path / "password")}
    with served(box := Box(), **options) as port:
        mailer(port, ca_file=str(tmp_path / "ca.pem"), **more).send(occurrence(1))
        assert len(box.mails) == 1
        with pytest.raises(Undelivered, match="not trusted") as caught:
            mailer(port, **more).send(occurrence(2))
        assert not caught.value.may_have_arrived
        (tmp_path / "password").write_text("wrong")
        with pytest.raises(Undelivered, match="answers 535"):
            mailer(port, ca_file=str(tmp_path / "ca.pem"), **more).send(occurrence(3))
    assert len(box.mails) == 1


def test_a_server_that_does_not_encrypt_gets_nothing_where_encryption_is_asked_for():
    with served(box := Box()) as port, pytest.raises(Undelivered, match="STARTTLS"):
        mailer(port).send(occurrence(1))
    assert box.mails == []


def test_one_refused_address_of_several_is_told_and_the_others_get_it():
    with served(box := Box(rcpt=("chief@example.org",))) as port:
        assert "refuses chief@example.org" in mailer(port, security="none").send(occurrence(1))
    assert box.mails[0][0].rcpt_tos == ["desk@example.org"]


@pytest.mark.parametrize(("answer", "is_refused"), [("554 looks like spam", True), ("451 later", False)])
def test_a_mail_that_is_not_taken_for_what_it_says_is_told_from_one_that_is_taken_later(answer, is_refused):
    with served(Box(data=answer)) as port, pytest.raises(Undelivered, match=answer) as caught:
        mailer(port, security="none").send(occurrence(1))
    assert caught.value.is_refused is is_refused


def test_a_server_that_says_nothing_is_given_up_in_time():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(Undelivered, match=r"within|in time|timed out"),
    ):
        mailer(silent.getsockname()[1], security="none", timeout_s=0.3).send(occurrence(1))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"sender": "a b@c"}, "sender"), ({"recipients": ["x@y\nBcc: z@y"]}, "recipients"), ({"username": "n"}, None),
        ({"username": "n", "password_env": "P", "security": "none"}, "security"), ({"host": "smtp://x"}, "host"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_right_are_faults(options, key):
    config = msgspec.convert(ADDRESSES | {"host": "h"} | options, KIND.config)
    assert [fault[0] for fault in KIND.faults(config)] == [key]
