"""Every recording with truth under a folder: `python -m benchmarks.recorded FOLDER [--json FOLDER]`.

A folder that holds ``*_scenario.csv`` is a radar and RF flight, one that holds ``cameras.txt`` a set of cameras. The
recordings are not ours to publish, nor are figures of the flights: what is written stays out of the repository.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.figures import print_and_write
from benchmarks.recorded import cameras, radar_rf
from benchmarks.recorded.flight_files import NotThere


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, help="folder for one JSON file a recording")
    chosen = parser.parse_args()
    flights = sorted({path.parent for path in chosen.folder.rglob("*_scenario.csv*")})
    sets = sorted({path.parent for path in chosen.folder.rglob("cameras.txt")})
    if not flights and not sets:
        print(f"the data is not there: no flight and no set of cameras under {chosen.folder}", file=sys.stderr)
        return 3
    if chosen.json:
        chosen.json.mkdir(parents=True, exist_ok=True)
    missed = 0
    for folder, benchmark in [*((f, radar_rf) for f in flights), *((s, cameras) for s in sets)]:
        print(f"\n{folder.relative_to(chosen.folder)}")
        try:
            found = benchmark.measure(folder)
        except NotThere as reason:
            print(f"the data is not there: {reason}", file=sys.stderr)
            missed += 1
            continue
        print_and_write(found, chosen.json and chosen.json / f"{folder.name}.json")
    return 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
