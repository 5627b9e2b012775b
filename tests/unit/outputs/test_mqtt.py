"""Held against mosquitto: what a subscriber that comes late knows, and what it is told when the node is gone."""

import contextlib
import json
import socket
import subprocess
import time

import msgspec
import pytest
from tests import certificates, needs
from tests.outboxes import OUTPUT, occurrence
from tests.scenarios.node.harness import free_port, wait_for

from lowsky.model.site import Site
from lowsky.outputs.mqtt import KIND
from lowsky.outputs.options import read_options
from lowsky.outputs.sender import Undelivered

SITE = Site(name="Harbour", latitude_rad=0.6, longitude_rad=2.2, height_m=0.0)


@contextlib.contextmanager
def mosquitto(folder, port=None, *lines):
    """A broker on loopback; its port."""
    program = needs.program("mosquitto")
    port = port or free_port(socket.SOCK_STREAM)
    path = folder / "mosquitto.conf"
    path.write_text("\n".join([f"listener {port} 127.0.0.1", *(lines or ["allow_anonymous true"])]) + "\n")
    with subprocess.Popen([program, "-c", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: reachable(port), "the broker")
            yield port
        finally:
            process.terminate()


def reachable(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


def subscribed(port, topic, seconds=1, *more):
    """What somebody who subscribes now hears: topic -> body of the last message."""
    command = [needs.program("mosquitto_sub"), "-h", "127.0.0.1", "-p", str(port), "-t", topic, "-W", str(seconds)]
    told = subprocess.run([*command, "-v", *more], capture_output=True, text=True, check=False).stdout.splitlines()
    return {name: json.loads(body) for name, _, body in (line.partition(" ") for line in told)}


def broker(port, **options):
    given = {"host": "127.0.0.1", "port": port, "topic": "lowsky/harbour", "tls": False, "timeout_s": 3.0} | options
    config, wrong = read_options(KIND.config, given)
    assert (wrong, KIND.faults(config)) == ([], [])
    return KIND.opens(config, OUTPUT, SITE)


def test_who_subscribes_late_knows_the_open_alerts_and_not_those_that_are_over(tmp_path):
    with mosquitto(tmp_path) as port:
        sender = broker(port)
        sender.send(occurrence(1))
        sender.send(occurrence(2))
        sender.send(occurrence(3, alert=1, priority="high"))
        sender.send(occurrence(4, alert=2, change="cleared"))
        known = subscribed(port, "lowsky/harbour/#")
        assert set(known) == {"lowsky/harbour/status", "lowsky/harbour/alert/k3v9k3v9-1"}
        assert known["lowsky/harbour/alert/k3v9k3v9-1"]["id"] == "k3v9k3v9-3"
        assert known["lowsky/harbour/status"]["status"] == "online"
        sender.close()
        assert subscribed(port, "lowsky/harbour/status")["lowsky/harbour/status"]["status"] == "offline"


def test_who_listens_hears_each_change_in_order(tmp_path):
    with mosquitto(tmp_path) as port:
        command = [
            needs.program("mosquitto_sub"),
            "-p",
            str(port),
            "-t",
            "lowsky/harbour/alerts",
            "-C",
            "20",
            "-W",
            "30",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
            time.sleep(0.3)
            sender = broker(port)
            for number in range(1, 21):
                sender.send(occurrence(number))
            heard = [json.loads(line)["data"]["alert_id"] for line in listener.stdout]
        sender.close()
    assert heard == list(range(1, 21))


def test_a_node_that_is_killed_is_said_to_be_offline_by_the_broker(tmp_path):
    with mosquitto(tmp_path) as port:
        sender = broker(port)
        sender.tend()
        sender._client._sock_close()  # as the kernel does for a killed process
        wait_for(lambda: subscribed(port, "#")["lowsky/harbour/status"]["status"] == "offline", "the last will")
        sender.close()


def test_a_broker_that_restarts_is_found_again_and_one_that_is_gone_is_noticed_before_the_next_alert(tmp_path):
    with mosquitto(tmp_path) as port:
        sender = broker(port)
        sender.tend()
    wait_for(lambda: not sender._client.is_connected(), "the loss")
    with pytest.raises(Undelivered) as caught:
        sender.tend()
    assert not caught.value.may_have_arrived
    with mosquitto(tmp_path, port):
        sender.tend()
        sender.send(occurrence(1))
        sender.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a socket to the collector
def test_tls_and_a_password_are_used_and_wrong_ones_are_one_clear_sentence(tmp_path):
    certificates.write(tmp_path)
    password = tmp_path / "password"
    password.write_text("right\n")
    users = tmp_path / "users"
    subprocess.run([needs.program("mosquitto_passwd"), "-c", "-b", users, "node", "right"], check=True)
    lines = [
        "allow_anonymous false", f"password_file {users}", f"certfile {tmp_path / 'cert.pem'}",
        f"keyfile {tmp_path / 'key.pem'}", f"cafile {tmp_path / 'ca.pem'}", "user root",
    ]  # fmt: skip
    more = {"tls": True, "username": "node", "password_file": str(password)}
    with mosquitto(tmp_path, None, *lines) as port:
        sender = broker(port, ca_file=str(tmp_path / "ca.pem"), **more)
        sender.send(occurrence(1))
        sender.close()
        with pytest.raises(Undelivered, match="not trusted"):
            broker(port, **more).tend()
        password.write_text("wrong")
        with pytest.raises(Undelivered, match="refuses us: Not authorized"):
            broker(port, ca_file=str(tmp_path / "ca.pem"), **more).tend()


def test_a_server_that_is_no_broker_does_not_hold_anybody_up():
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Undelivered, match="no answer within"):
        broker(silent.getsockname()[1], timeout_s=0.3).tend()


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"topic": "lowsky/#"}, "topic"), ({"topic": "/a"}, "topic"), ({"host": "mqtt://x"}, "host"),
        ({"password_env": "P"}, None), ({"tls": False, "ca_file": "x"}, "ca_file"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_right_are_faults(options, key):
    config = msgspec.convert({"host": "h", "topic": "t"} | options, KIND.config)
    assert [fault[0] for fault in KIND.faults(config)] == [key]
