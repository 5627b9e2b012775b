"""A webhook is a CloudEvent that anybody can check, and no answer of a receiver can do more than make us try again."""

import contextlib
import json
import socket
import threading
import time

import msgspec
import pytest
from tests import certificates
from tests.outboxes import OUTPUT, occurrence, webhook
from tests.receivers import Hook

from lowsky.model.occurrence import Subject
from lowsky.outputs.facts import facts
from lowsky.outputs.sender import Undelivered

PILOT = Subject(
    track_id=5, operator_latitude_rad=0.6, operator_longitude_rad=2.2, identity="<b>\x1b[2J\u202e" + "x" * 500
)


@contextlib.contextmanager
def rude(answer, close=True):
    """A server that says ``answer`` (bytes, or a function of the connection), whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    answer(connection) if callable(answer) else connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def failure(url, **options):
    with pytest.raises(Undelivered) as caught:
        webhook(url, **options).send(occurrence(1))
    return caught.value


def test_an_event_has_what_cloudevents_1_0_asks_for_and_says_exercise_and_repeat():
    with Hook() as hook:
        webhook(hook.url).send(occurrence(9, alert=7, is_exercise=True, is_repeat=True))
        ((_, headers, body),) = hook.got
    event = json.loads(body)
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert event["specversion"] == "1.0" and all(event[name] for name in ("id", "source", "type", "subject", "time"))
    assert all(name.isalnum() and name.islower() for name in event)  # as the specification wants attributes' names
    assert (event["id"], event["subject"], event["exercise"], event["repeat"]) == (
        "k3v9k3v9-9", "k3v9k3v9-7", True, True
    )  # fmt: skip
    assert "lowsky-signature" not in headers


def test_text_from_the_air_is_cut_and_harmless_and_operators_are_left_out_unless_asked_for():
    told = occurrence(1, subjects=(PILOT,))
    (track,) = facts(told, OUTPUT)["tracks"]
    assert len(track["identity"]) == 64 and track["identity"].isprintable()
    assert not any(name.startswith("operator") for name in track)
    (track,) = facts(told, msgspec.structs.replace(OUTPUT, operator_positions=True))["tracks"]
    assert 34.0 < track["operator_latitude_deg"] < 35.0


@pytest.mark.parametrize(
    ("status", "refused"), [(400, True), (422, True), (401, False), (404, False), (429, False), (500, False)]
)
def test_an_answer_that_is_about_this_message_is_told_from_one_that_is_not(status, refused):
    with Hook(answer=status) as hook:
        assert failure(hook.url).is_refused is refused


def test_a_redirect_is_not_followed():
    with Hook(answer=307) as hook:
        assert "redirect" in failure(hook.url).why
        assert len(hook.got) == 1


@pytest.mark.parametrize("answer", [b"", b"\x00\xff" * 1000, b"HTTP/1.1 99999 what\r\n\r\n", b"SSH-2.0-OpenSSH\r\n"])
def test_nonsense_is_one_clear_sentence(answer):
    with rude(answer) as url:
        said = failure(url)
    assert "\n" not in said.why and said.may_have_arrived and not said.is_refused


def test_endless_headers_and_bodies_are_not_read_to_their_end():
    def endless(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"x" * 65_536)

    with rude(endless) as url:
        webhook(url).send(occurrence(1))  # it said 200; nobody needs the rest


def test_a_receiver_that_drips_is_cut_off_when_the_time_for_everything_is_over():
    def drip(connection):
        with contextlib.suppress(OSError):
            for letter in b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000:
                connection.sendall(bytes([letter]))
                time.sleep(0.02)

    with rude(drip) as url:
        begun = time.monotonic()
        assert "within 0.3 s" in failure(url, timeout_s=0.3).why
        assert time.monotonic() - begun < 10.0


def test_one_that_is_not_there_has_certainly_not_got_it():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not failure(f"http://127.0.0.1:{port}/").may_have_arrived


def test_https_trusts_the_authority_of_the_site_file_and_no_other(tmp_path):
    folder = certificates.write(tmp_path)
    with Hook(tls=certificates.server_context(folder)) as hook:
        webhook(hook.url, ca_file=str(folder / "ca.pem")).send(occurrence(1))
        assert len(hook.got) == 1
        said = failure(hook.url)
    assert "not trusted" in said.why and not said.may_have_arrived
    assert len(hook.got) == 1


def test_an_address_is_told_without_what_may_be_a_token():
    assert "token" not in failure("http://127.0.0.1:1/hook/token?token=1").why
