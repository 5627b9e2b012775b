"""Every benchmark, one after the other, and what they printed, into BENCHMARKS.md behind the line "## The run".

`python -m benchmarks.run [NAME ...]` (`make bench PART="tracking goals"`). Figures of one run belong together: same
machine, same day, same load; so a run of some names only is printed and not written, and neither is one in which a
benchmark failed. Each part's figures are in ``artefacts/bench/NAME.json``; the last part, `goals`, reads them all and
makes the table of goals (``artefacts/bench/goals.md``). The table at the head of BENCHMARKS.md is written by a person
who read them. Not in it: `benchmarks.soak`, an hour in real time (`make soak`), and `benchmarks.peers` (`make
bench-peers`), whose figures `goals` takes in where they are there. Each part says how long it took.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "BENCHMARKS.md"
MARK = "## The run"
RESULTS = "artefacts/bench"  # of the folder this is run in
COMMANDS = {
    "asterix": ["-m", "benchmarks.asterix_decode", "--rounds", "7"],
    "beast": ["-m", "benchmarks.beast_decode", "--rounds", "7"],
    "remoteid": ["-m", "benchmarks.remoteid_decode"],
    "table": ["-m", "benchmarks.table_read"],
    "tracker": ["-m", "benchmarks.tracker_speed", "--json", f"{RESULTS}/tracker.json"],
    "generator": ["-m", "benchmarks.generator", "--json", f"{RESULTS}/generator.json"],
    "tracking": ["-m", "benchmarks.tracking", "--json", f"{RESULTS}/tracking.json"],
    "scenes": ["-m", "benchmarks.scenes", "--json", f"{RESULTS}/scenes.json"],
    "pmbm": ["-m", "benchmarks.pmbm", "--json", f"{RESULTS}/pmbm.json"],
    "registration": ["-m", "benchmarks.registration", "--json", f"{RESULTS}/registration.json"],
    "bearings": ["-m", "benchmarks.bearings", "--json", f"{RESULTS}/bearings.json"],
    "own-tracks": ["-m", "benchmarks.own_tracks", "--json", f"{RESULTS}/own-tracks.json"],
    "late": ["-m", "benchmarks.late", "--json", f"{RESULTS}/late.json"],
    "zone-entry": ["-m", "benchmarks.zone_entry", "--seeds", "0-9", "--json", f"{RESULTS}/zone-entry.json"],
    "zone-corners": ["-m", "benchmarks.zone_corners"],
    "simulate": ["-m", "benchmarks.simulate_speed", "--json", f"{RESULTS}/simulate.json"],
    "tracker-scale": ["-m", "benchmarks.tracker_scale", "--json", f"{RESULTS}/tracker-scale.json"],
    "page": ["-m", "benchmarks.page_cpu", "--tracks", "500", "2000", "--seconds", "15"],
    "latency": ["-m", "benchmarks.latency", "--seconds", "60"],
    "memory": ["-m", "benchmarks.memory", "--minutes", "60"],
    "goals": ["-m", "benchmarks.goals", RESULTS, "--markdown", f"{RESULTS}/goals.md"],
}


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{os.cpu_count()} virtual cores, {model or platform.processor()}, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="which, of " + ", ".join(COMMANDS))
    asked = parser.parse_args().names
    if unknown := set(asked) - COMMANDS.keys():
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(COMMANDS)}")
    (PAGE.parent / RESULTS).mkdir(parents=True, exist_ok=True)
    failed = []
    parts = [MARK, "", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine()}."]
    for name in asked or COMMANDS:
        load, begun_s = os.getloadavg()[0], time.monotonic()
        print(f"{name} (load {load:.1f}) …", flush=True)
        ran = subprocess.run([sys.executable, *COMMANDS[name]], capture_output=True, text=True, cwd=PAGE.parent)
        said, took_min = ran.stdout.strip(), (time.monotonic() - begun_s) / 60.0
        print(f"{said}\n({took_min:.1f} min)", flush=True)
        if ran.returncode:
            failed.append(name)
            print(ran.stderr.strip(), file=sys.stderr, flush=True)
        parts += [
            "",
            f"`python {' '.join(COMMANDS[name])}` (load before: {load:.1f}; {took_min:.1f} min)",
            "",
            "```",
            said,
            "```",
        ]
    if failed:
        print(f"failed: {', '.join(failed)}; {PAGE.name} is left as it was", file=sys.stderr)
        return 1
    if asked:
        return 0
    head = PAGE.read_text(encoding="utf-8").partition(MARK)[0] if PAGE.exists() else "# Benchmarks\n\n"
    PAGE.write_text(head + "\n".join(parts) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
