"""A node in a process of its own, and senders that talk to it over loopback."""

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

PATIENCE_S = 120.0  # generous: these say "it happens", not "it is quick"
TRACEBACK = "Traceback (most recent call last)"
ADDRESS = re.compile(r"http://[^/\s]+/")
REASONS = re.compile(r"[A-Z_]+")  # keys of ``counts`` that are reasons of rejection

PLACE = {"latitude_deg": 37.45, "longitude_deg": 126.60, "height_m": 30.0}


def wait_for(found, what, timeout_s=PATIENCE_S):
    """Ask until the answer is true, and return it."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"waited {timeout_s:g} s in vain for {what}")


def free_port(kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---------------------------------------------------------------- site files


def table(header, **keys):
    """A table of a site file; JSON's numbers and texts are TOML's, too."""
    return "\n".join([header, *(f"{key} = {json.dumps(value)}" for key, value in keys.items())])


def radar(sensor, **keys):
    more = {"sigma_range_m": 5.0, "sigma_azimuth_deg": 0.3, "sigma_elevation_deg": 0.5, "look_period_s": 0.25}
    more |= {"max_range_m": 5000.0, "clutter_per_look": 2.0}
    return table("[[sensor]]", id=sensor, kind="radar", **(PLACE | more | keys))


def receiver(sensor):
    return table("[[sensor]]", id=sensor, kind="cooperative", **PLACE)


def feed(sensor, port, scheme="udp", **keys):
    """Tables come with whole looks in each datagram, and only their own sensor's rows."""
    more = keys if "format" in keys else {"format": "table", "sensors": "own", "complete": "frame"} | keys
    return table("[[feed]]", sensor=sensor, source=f"{scheme}://127.0.0.1:{port}", **more)


def site_text(*tables, name="Scenario"):
    return "\n\n".join([table("[site]", name=name, **PLACE), *tables]) + "\n"


# ---------------------------------------------------------------- the node


class Node:
    """``lowsky run`` as a subprocess."""

    def __init__(self, folder, site, record=None, port=0):
        path = folder / "site.toml"
        path.write_text(site, encoding="utf-8")
        command = [sys.executable, "-m", "lowsky", "run", str(path), "--port", str(port)]
        command += [] if record is None else ["--record", str(record)]
        self.lines = []
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.address = wait_for(self._announced, "the address of the map")
        except BaseException:
            self.kill()
            raise

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def _announced(self):
        assert self.process.poll() is None, self.said
        found = ADDRESS.search(self.said)
        return found and found.group()

    @property
    def said(self):
        return "\n".join(self.lines)

    def get(self, path):
        try:
            with urllib.request.urlopen(self.address + path, timeout=PATIENCE_S) as answer:
                return json.load(answer)
        except urllib.error.URLError as error:
            raise AssertionError(f"the node does not answer ({error}); it said:\n{self.said}") from error

    def health(self):
        return self.get("api/health")

    def sensor(self, name):
        return next((s for s in self.health()["sensors"] if s["id"] == name), None)

    def status(self, name):
        sensor = self.sensor(name)
        return sensor and sensor["status"]

    def counts(self, name):
        sensor = self.sensor(name)
        return sensor["counts"] if sensor else {}

    def alerts(self, words=""):
        """Those whose situation lasts."""
        return [a for a in self.get("api/alerts") if words in a["title"] and a["cleared"] is None]

    def post(self, path, **body):
        """Status and answer; None where the node is gone."""
        request = urllib.request.Request(self.address + path, json.dumps(body).encode(), method="POST")
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except (OSError, ValueError):
            return None

    def tracks(self):
        return [feature["properties"] | {"at": feature["geometry"]} for feature in self.get("api/tracks")["features"]]

    def wait_until_it_runs(self):
        """The engine is warm and every feed has said how it is."""

        def running():
            sensors = self.health()["sensors"]
            return sensors and all(sensor["counts"] for sensor in sensors)

        return wait_for(running, "the first reports of all feeds", 2 * PATIENCE_S)

    def kill(self):
        """SIGKILL: nothing can be put in order any more."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stderr.close()

    def end(self, number=signal.SIGTERM):
        """Ask it to end; the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE_S)
        self._reader.join()
        self.process.stderr.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.kill()


def lone_radar():
    """A radar that speaks, and the text of the site that has nothing else."""
    plots = Plots("radar-1", free_port())
    return plots, site_text(radar("radar-1"), feed("radar-1", plots.port))


def accounted(counts):
    """What became of a sensor's records: must equal ``records``."""
    rejected = sum(n for name, n in counts.items() if REASONS.fullmatch(name))
    return counts["measurements"] + counts["held"] + rejected


# ---------------------------------------------------------------- senders


def stamp(t_ns):
    return f"{datetime.fromtimestamp(t_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{t_ns % 10**9:09d}Z"


@dataclass
class Plots:
    """A radar that speaks JSON lines: hovering drones ``(range_m, azimuth_deg)``, one look after the other."""

    sensor: str
    port: int
    drones: tuple = ((1500.0, 40.0), (2500.0, 130.0))
    period_s: float = 0.25
    ahead_s: float = 0.0  # how wrong its clock is
    looks: int = field(default=0, init=False)
    rows: int = field(default=0, init=False)

    def message(self, t_ns):
        """One look. Noise is a fixed sequence, so that a run can be told again."""
        self.looks += 1
        lines = []
        for k, (range_m, azimuth_deg) in enumerate(self.drones):
            wave = math.sin(1.7 * self.looks + 2.0 * k)
            row = {"time": stamp(t_ns + int(self.ahead_s * 1e9) - 1000 * k), "sensor": self.sensor, "look": self.looks}
            row |= {"range_m": range_m + 4.0 * wave, "azimuth_deg": azimuth_deg - 0.2 * wave, "elevation_deg": 4.0}
            lines.append(json.dumps(row))
        self.rows += len(lines)
        return ("\n".join(lines) + "\n").encode()


@dataclass
class Reports:
    """A receiver of what aircraft say of themselves: ``identities`` fly north side by side."""

    sensor: str
    port: int
    identities: tuple = ("a00001", "a00002")
    period_s: float = 0.5
    rows: int = field(default=0, init=False)
    since_ns: int = field(default_factory=time.time_ns, init=False)

    def message(self, t_ns):
        lines = []
        for k, identity in enumerate(self.identities):
            north_deg = 80.0 * (t_ns - self.since_ns) * 1e-9 / 111_000.0
            row = {"time": stamp(t_ns), "sensor": self.sensor, "identity": identity, "height_m": 900.0}
            row |= {"latitude_deg": 37.40 + north_deg, "longitude_deg": 126.5 + 0.1 * k}
            row |= {"east_mps": 0.0, "north_mps": 80.0}
            lines.append(json.dumps(row))
        self.rows += len(lines)
        return ("\n".join(lines) + "\n").encode()


def _fresh(source):
    """A message that is sent at once: one that we could not finish in time (a busy machine) is never said."""
    while True:
        before, started_ns = source.__dict__.copy(), time.time_ns()
        message = source.message(started_ns)
        if time.time_ns() - started_ns < 30_000_000:
            return message
        source.__dict__.update(before)


class Talk:
    """Sends what its sources say, each in its own rhythm, from a thread: ``with Talk(a, b): …``."""

    def __init__(self, *sources):
        self._sources = sources
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        due = dict.fromkeys(range(len(self._sources)), 0.0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not self._over.wait(0.02):
                for k, source in enumerate(self._sources):
                    if time.monotonic() >= due[k]:
                        due[k] = time.monotonic() + source.period_s
                        out.sendto(_fresh(source), ("127.0.0.1", source.port))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()


class Server:
    """A TCP source: whoever connects hears what ``source`` says. ``stop`` breaks it off, port and all."""

    def __init__(self, source):
        self._source = source
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", source.port))
        self._listener.settimeout(0.05)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        peers, due = [], 0.0
        while not self._over.is_set():
            with suppress(TimeoutError):
                peers.append(self._listener.accept()[0])
            if peers and time.monotonic() >= due:
                due = time.monotonic() + self._source.period_s
                message = self._source.message(time.time_ns())
                for peer in peers:
                    with suppress(OSError):
                        peer.sendall(message)
        for peer in peers:
            peer.close()
        self._listener.close()

    def stop(self):
        self._over.set()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()


REPEAT = int(os.environ.get("LOWSKY_REPEAT", "1"))
"""How often what depends on the moment is tried."""
