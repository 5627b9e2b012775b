"""Write the golden files of both Mode S feeds anew: ``python -m tests.feeds.beast.make_golden``; look at the diff.

Inputs are excerpts of the demo's pseudonymised recordings (src/lowsky/engine/demo/recordings/README.adsb.md):
``helsinki_60s.bin``, the first minute with 19 of 20 type code 24 messages left out, and ``toulouse_60s.jsonl``, from
the 240th to the 300th second.
"""

import json
from pathlib import Path

from tests.feeds.beast.beast_site import HELSINKI, TOULOUSE, read_all, rows_of, totals

from lowsky.feeds import beast, modes_jsonl

HERE = Path(__file__).parent


def main() -> None:
    for feed, path, place in (
        (beast, HERE / "helsinki_60s.bin", HELSINKI),
        (modes_jsonl, HERE.parent / "modes_jsonl" / "toulouse_60s.jsonl", TOULOUSE),
    ):
        results = read_all(feed, path, place)
        records, measured, rejected, held = totals(results)
        counted = {reason.name: n for reason, n in sorted(rejected.items())}
        rows = ",\n".join("  " + json.dumps(row) for row in rows_of(results))
        path.with_suffix(".json").write_text(
            f'{{\n "totals": {json.dumps({"records": records, "measured": measured, "held": held})},\n'
            f' "rejected": {json.dumps(counted)},\n "rows": [\n{rows}\n ]\n}}\n'
        )


if __name__ == "__main__":
    main()
