"""Datagrams and streams on loopback: what arrives, what is found out, and what never waits for ever."""

import contextlib
import socket
import struct
import threading
import time

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from lxml import etree
from takproto import parse_proto
from tests import certificates
from tests.capped import DRONE, OUTPUT, RAISED, SITE, T_NS
from tests.scenarios.node.harness import free_port

from lowsky.engine.config import parse_site
from lowsky.errors import ConfigError
from lowsky.model.occurrence import Seen, Subject
from lowsky.outputs.cot import transport
from lowsky.outputs.cot.kind import KIND, PING_S, Tak, TakMap
from lowsky.outputs.options import read_options
from lowsky.outputs.sender import Shows, Tended, Undelivered

SEEN = Seen(t_ns=T_NS, site="Harbour", subjects=(DRONE,))


def opened(address, output=OUTPUT, **options):
    config, wrong = read_options(KIND.config, {"address": address, "timeout_s": 2.0, **options})
    assert (wrong, KIND.faults(config)) == ([], [])
    return KIND.opens(config, output, SITE)


def wrong(**options):
    config, found = read_options(KIND.config, {"address": "tls://tak.example:8089"} | options)
    return {key for key, _, _ in (found or KIND.faults(config))}


def listening():
    heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    heard.bind(("127.0.0.1", 0))
    heard.settimeout(5.0)
    return heard, heard.getsockname()[1]


def test_a_datagram_is_one_xml_document_or_one_protobuf_message():
    heard, port = listening()
    with heard, contextlib.closing(opened(f"udp://127.0.0.1:{port}")) as sender:
        sender.show(SEEN)
        sender.send(RAISED)
        bodies = [heard.recv(65_536) for _ in range(2)]
    assert [etree.fromstring(body).get("type") for body in bodies] == ["a-s-A-M-H-Q", "b-a-g"]
    assert all(body.startswith(b"<?xml") and len(body) < 1400 for body in bodies)
    heard, port = listening()
    with heard, contextlib.closing(opened(f"udp://127.0.0.1:{port}", encoding="protobuf")) as sender:
        sender.show(SEEN)
        assert parse_proto(bytearray(heard.recv(65_536))).cotEvent.uid == "lowsky-Harbour.T12"


def test_a_group_hears_it_on_the_network_that_was_named():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        heard.bind(("", 0))
        heard.settimeout(5.0)
        joined = struct.pack("4s4s", socket.inet_aton("239.2.3.1"), socket.inet_aton("127.0.0.1"))
        heard.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        address = f"udp://239.2.3.1:{heard.getsockname()[1]}"
        with contextlib.closing(opened(address, interface="127.0.0.1", ttl=0)) as sender:
            sender.send(RAISED)
            assert b"b-a-g" in heard.recv(65_536)


@contextlib.contextmanager
def server(context=None, port=0):
    """Accepts one after the other; what each has sent, and their sockets."""
    made = socket.create_server(("127.0.0.1", port))
    clients = []

    def accept():
        with contextlib.suppress(OSError):
            while True:
                raw, _ = made.accept()
                try:
                    clients.append(raw if context is None else context.wrap_socket(raw, server_side=True))
                except OSError:
                    raw.close()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield made.getsockname()[1], clients
    finally:
        made.shutdown(socket.SHUT_RDWR)  # ends the waiting
        made.close()
        for client in clients:
            client.close()


def of(clients, index):
    for _ in range(500):
        if len(clients) > index:
            clients[index].settimeout(5.0)
            return clients[index]
        time.sleep(0.01)
    raise AssertionError("nobody connected")


def heard_events(client, count):
    parser, events = etree.XMLPullParser(tag="event"), []
    parser.feed(b"<stream>")
    while len(events) < count:
        parser.feed(client.recv(65_536))
        events += [(element.get("uid"), element.get("type")) for _, element in parser.read_events()]
    return events


def test_a_stream_is_one_event_after_another():
    with server() as (port, clients), contextlib.closing(opened(f"tcp://127.0.0.1:{port}")) as sender:
        sender.show(SEEN)
        sender.send(RAISED)
        assert [kind for _, kind in heard_events(of(clients, 0), 2)] == ["a-s-A-M-H-Q", "b-a-g"]


def test_a_stream_of_protobuf_has_the_length_of_each_message_before_it():
    with (
        server() as (port, clients),
        contextlib.closing(opened(f"tcp://127.0.0.1:{port}", encoding="protobuf")) as sender,
    ):
        sender.send(RAISED)
        assert parse_proto(bytearray(of(clients, 0).recv(65_536))).cotEvent.type == "b-a-g"


def test_a_server_that_hangs_up_is_found_out_before_the_next_alert():
    with server() as (port, clients), contextlib.closing(opened(f"tcp://127.0.0.1:{port}")) as sender:
        sender.tend()
        of(clients, 0).close()
        time.sleep(0.05)
        sender.send(RAISED)
        assert heard_events(of(clients, 1), 1) == [("lowsky-Harbour.alert.k3v9k3v9-7", "b-a-g")]


def test_what_a_server_says_is_read_and_forgotten():
    with server() as (port, clients), contextlib.closing(opened(f"tcp://127.0.0.1:{port}")) as sender:
        sender.tend()
        for _ in range(20):
            of(clients, 0).sendall(b"<event/>" * 10_000)
            sender.tend()
        sender.send(RAISED)
        assert len(clients) == 1


def test_a_server_that_reads_nothing_does_not_hold_us_longer_than_the_timeout():
    many = tuple(msgspec.structs.replace(DRONE, track_id=k) for k in range(1, 5_000))
    with server() as (port, _), contextlib.closing(opened(f"tcp://127.0.0.1:{port}", timeout_s=0.3)) as sender:
        with pytest.raises(Undelivered) as failure:
            for _ in range(20):
                sender.show(msgspec.structs.replace(SEEN, subjects=many))
        assert failure.value.may_have_arrived


def test_nobody_there_is_said_and_nothing_was_sent():
    port = free_port(socket.SOCK_STREAM)
    with pytest.raises(Undelivered) as failure:
        opened(f"tcp://127.0.0.1:{port}").send(RAISED)
    assert not failure.value.may_have_arrived and f"tcp://127.0.0.1:{port}" in failure.value.why


def test_silence_is_broken_by_a_ping(monkeypatch):
    with server() as (port, clients), contextlib.closing(opened(f"tcp://127.0.0.1:{port}")) as sender:
        sender.tend()
        monkeypatch.setattr(sender._tak, "_said_s", sender._tak._said_s - PING_S - 1.0)
        sender.tend()
        sender.tend()
        sender.send(RAISED)
        assert [kind for _, kind in heard_events(of(clients, 0), 2)] == ["t-x-c-t", "b-a-g"]


def test_tls_shows_our_certificate_and_trusts_only_whom_it_is_told_to(tmp_path, monkeypatch):
    monkeypatch.setattr(transport, "SETTLES_S", 0.1)
    certificates.write(tmp_path)
    (tmp_path / "other").mkdir()
    other = certificates.write(tmp_path / "other")
    context = certificates.server_context(tmp_path)
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = transport.ssl.CERT_REQUIRED
    own = {"cert_file": str(tmp_path / "cert.pem"), "key_file": str(tmp_path / "key.pem")}
    with server(context) as (port, clients):
        address = f"tls://127.0.0.1:{port}"
        with contextlib.closing(opened(address, ca_file=str(tmp_path / "ca.pem"), **own)) as sender:
            sender.send(RAISED)
            assert heard_events(of(clients, 0), 1)[0][1] == "b-a-g"
        strangers = {"cert_file": str(other / "cert.pem"), "key_file": str(other / "key.pem")}
        for options in (
            {"ca_file": str(other / "ca.pem"), **own},  # we do not know them
            {"ca_file": str(tmp_path / "ca.pem"), **strangers},  # they do not know us
            {"ca_file": str(tmp_path / "ca.pem")},
            {"ca_file": str(tmp_path / "ca.pem"), "server_name": "tak.example", **own},
        ):
            with pytest.raises(Undelivered) as failure:
                opened(address, **options).send(RAISED)
            assert not failure.value.may_have_arrived


def test_a_key_that_wants_a_password_is_a_fault_and_no_question_on_a_terminal(tmp_path):
    certificates.write(tmp_path)
    key = serialization.load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    lock = serialization.BestAvailableEncryption(b"secret")
    locked = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    (tmp_path / "locked.pem").write_bytes(locked)
    with pytest.raises(OSError):
        opened("tls://127.0.0.1:9", cert_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "locked.pem"))


def test_only_alerts_or_only_tracks_where_the_site_says_so():
    alerts = opened("udp://127.0.0.1:9", tracks=False)
    assert isinstance(alerts, Tak) and not isinstance(alerts, Shows)
    assert isinstance(opened("udp://127.0.0.1:9"), TakMap)
    assert isinstance(opened("udp://127.0.0.1:9"), Shows) and isinstance(alerts, Tended)
    heard, port = listening()
    with heard, contextlib.closing(opened(f"udp://127.0.0.1:{port}", alerts=False)) as sender:
        sender.send(RAISED)
        sender.show(SEEN)
        assert b"T12" in heard.recv(65_536)


def shown(subjects, **options):
    heard, port = listening()
    alerted = options.pop("alerted", frozenset())
    with heard, contextlib.closing(opened(f"udp://127.0.0.1:{port}", **options)) as sender:
        sender.show(msgspec.structs.replace(SEEN, subjects=subjects, alerted=alerted))
        heard.settimeout(0.2)
        uids = []
        with contextlib.suppress(TimeoutError):
            while True:
                uids.append(etree.fromstring(heard.recv(65_536)).get("uid").rpartition(".")[2])
    return uids


def test_classes_that_nobody_asked_for_are_left_out_unless_an_alert_names_them():
    kinds = ("drone", "bird", "clutter")
    subjects = tuple(
        Subject(track_id=k, latitude_rad=0.9, longitude_rad=0.2, class_name=kind) for k, kind in enumerate(kinds, 1)
    )
    assert shown(subjects) == ["T1", "T2"]
    assert shown(subjects, classes=["drone"]) == ["T1"]
    assert shown(subjects, classes=["drone"], alerted=frozenset({3})) == ["T1", "T3"]


def test_wrong_keys_are_found_when_the_site_file_is_read():
    assert wrong() == set()
    for address in (
        "tak.example:8089",
        "http://tak.example:1",
        "tls://tak.example",
        "udp://:1",
        "tls://u:p@x:1",
        "udp://x:99999",
    ):
        assert wrong(address=address) == {"address"}
    assert wrong(address="tcp://x:1", ca_file="x") == {"ca_file"}
    assert wrong(cert_file="x") == {"cert_file"}
    assert wrong(classes=["ufo"]) == {"classes"}
    assert wrong(stale_s=1.5) == {"stale_s"}
    assert wrong(tracks=False, alerts=False) == {"tracks"}
    assert wrong(address="udp://239.2.3.1:6969", interface="eth0") == {"interface"}
    assert wrong(interface="192.0.2.7") == {"interface"}
    assert wrong(encoding="json") == {"encoding"}
    assert wrong(uid_prefix="a.b") == {"uid_prefix"}
    assert wrong(every_s=0.0) == {"every_s"}


def test_a_site_file_with_a_tak_output_is_read_and_says_that_it_is_not_encrypted():
    head = '[site]\nname = "Harbour"\nlatitude_deg = 52.0\nlongitude_deg = 13.0\nheight_m = 40.0\n'
    site = parse_site(head + '[[output]]\nid = "tak"\nkind = "cot"\naddress = "tcp://10.0.0.7:8087"\n')
    config, _ = read_options(KIND.config, site.outputs[0].options)
    assert "NOT encrypted" in KIND.says(config) and "tcp://10.0.0.7:8087" in KIND.says(config)
    with pytest.raises(ConfigError, match="address"):
        parse_site(head + '[[output]]\nid = "tak"\nkind = "cot"\naddress = "10.0.0.7"\n')
