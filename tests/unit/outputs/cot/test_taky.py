"""Held against taky, a TAK server that shares no code with us: what another client of it hears."""

import contextlib
import socket
import ssl
import subprocess

import msgspec
import pytest
from lxml import etree
from tests import certificates, needs
from tests.capped import DRONE, OUTPUT, RAISED, SITE, later
from tests.scenarios.node.harness import free_port, wait_for

from lowsky.clock import LiveClock
from lowsky.model.occurrence import Seen
from lowsky.outputs.cot import transport
from lowsky.outputs.cot.kind import KIND
from lowsky.outputs.options import read_options
from lowsky.outputs.sender import Undelivered


@contextlib.contextmanager
def taky(folder, tls=None, port=None):
    """A server on loopback; its port."""
    program = needs.peer("taky") / "taky"
    port = port or free_port(socket.SOCK_STREAM)
    lines = ["[taky]", "bind_ip = 127.0.0.1", f"root_dir = {folder}", "[cot_server]", f"port = {port}", "[ssl]"]
    lines += ["enabled = false"] if tls is None else [
        "enabled = true", "client_cert_required = true", f"ca = {tls}/ca.pem", f"cert = {tls}/cert.pem",
        f"key = {tls}/key.pem", f"cert_db = {folder}/db.txt",
    ]  # fmt: skip
    path = folder / "taky.conf"
    path.write_text("\n".join(lines) + "\n")
    command = [program, "-c", path, "-l", "debug"]
    with (folder / "taky.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_for(lambda: reachable(port), "taky")
            yield port
        finally:
            process.terminate()


def reachable(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


class Client:
    """Another client of the server: joins, hears."""

    def __init__(self, port, context=None):
        raw = socket.create_connection(("127.0.0.1", port), 10.0)
        self._socket = raw if context is None else context.wrap_socket(raw, server_hostname="127.0.0.1")
        self._parser = etree.XMLPullParser(tag="event")
        self._parser.feed(b"<stream>")
        self._socket.sendall(b'<event version="2.0" uid="ear.ping" type="t-x-c-t" time="2026-01-01T00:00:00Z" '
                             b'start="2026-01-01T00:00:00Z" stale="2126-01-01T00:00:00Z" how="m-g"/>')  # fmt: skip
        assert [event.get("type") for event in self.heard(1)] == ["t-x-c-t-r"]

    def heard(self, count):
        events = []
        while len(events) < count:
            self._parser.feed(self._socket.recv(65_536))
            events += [element for _, element in self._parser.read_events()]
        return events

    def close(self):
        self._socket.close()


def opened(address, **options):
    config, wrong = read_options(KIND.config, {"address": address, "timeout_s": 5.0, **options})
    assert (wrong, KIND.faults(config)) == ([], [])
    return KIND.opens(config, OUTPUT, SITE)


def test_a_client_of_the_server_sees_the_object_and_the_alert_from_its_begin_to_its_end(tmp_path):
    now = LiveClock().now_ns()
    drone = msgspec.structs.replace(DRONE, identity="<b>1596F3</b>\x00&")
    seen = Seen(t_ns=now, site="Harbour", subjects=(drone,), is_exercise=True)
    told = [msgspec.structs.replace(one, t_ns=now) for one in (RAISED, later("raised-higher", 9), later("cleared", 12))]
    with (
        taky(tmp_path) as port,
        contextlib.closing(Client(port)) as ear,
        contextlib.closing(opened(f"tcp://127.0.0.1:{port}")) as sender,
    ):
        sender.show(seen)
        for one in told:
            sender.send(one)
        flying, *alerts = ear.heard(4)
    assert (flying.get("uid"), flying.get("type")) == ("lowsky-Harbour.T12", "a-s-A-M-H-Q")
    point = {name: float(value) for name, value in flying.find("point").attrib.items()}
    assert point == {"lat": 52.005, "lon": 13.01, "hae": 100.0, "ce": 12.3, "le": 10.2}
    assert "<b>1596F3</b>�&" in flying.findtext("detail/remarks")
    assert flying.find("detail/contact").get("callsign") == "EXERCISE T12 multirotor"
    assert [alert.get("type") for alert in alerts] == ["b-a-g", "b-a-g", "b-a-o-can"]
    assert len({alert.get("uid") for alert in alerts}) == 1


def test_a_server_with_tls_hears_us_with_our_certificate_and_no_stranger(tmp_path, monkeypatch):
    monkeypatch.setattr(transport, "SETTLES_S", 0.2)
    certificates.write(tmp_path)
    (tmp_path / "other").mkdir()
    other = certificates.write(tmp_path / "other")
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with taky(tmp_path, tls=tmp_path) as port, contextlib.closing(Client(port, context)) as ear:
        address, trusted = f"tls://127.0.0.1:{port}", str(tmp_path / "ca.pem")
        with pytest.raises(Undelivered):
            opened(
                address, ca_file=trusted, cert_file=str(other / "cert.pem"), key_file=str(other / "key.pem")
            ).send(RAISED)  # fmt: skip
        own = {"cert_file": str(tmp_path / "cert.pem"), "key_file": str(tmp_path / "key.pem")}
        with contextlib.closing(opened(address, ca_file=trusted, **own)) as sender:
            sender.send(later("raised-higher", 9))
            (alert,) = ear.heard(1)
    assert alert.find("detail/__lowsky").get("change") == "raised-higher"


def test_we_come_back_when_the_server_does(tmp_path):
    with contextlib.ExitStack() as stack:
        with taky(tmp_path) as port:
            sender = stack.enter_context(contextlib.closing(opened(f"tcp://127.0.0.1:{port}")))
            sender.tend()
        with pytest.raises(Undelivered):
            sender.send(RAISED)
        stack.enter_context(taky(tmp_path, port=port))
        ear = stack.enter_context(contextlib.closing(Client(port)))
        sender.send(RAISED)
        assert [event.get("type") for event in ear.heard(1)] == ["b-a-g"]
