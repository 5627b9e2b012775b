"""Write src/lowsky/wire/asterix/tables.json from the definitions in libasterix.

    python tools/asterix_tables.py            write the file
    python tools/asterix_tables.py --check    exit 1 if the file is not what would be written

libasterix (MIT/BSD) holds every edition as Python classes: 1.4 s and 90 MB to import. The node reads this file
instead, in milliseconds. Only structure is kept (names, widths, scales), not the texts of the standard.

Shape of the file: ``{"source", "nodes", "categories", "expansions"}``. A node is a list whose first entry is its
kind; nodes refer to others by index into ``nodes``, and equal nodes are stored once:

    ["e", bits, content]                      element; content below
    ["g", [[name, node], …]]                  group; a spare has name "" and an element of its width
    ["x", [[[name, node], …], …], last FX]    extended: one list per part, each ended by FX; the last only if 1
    ["r", bytes of the count or 0, node]      repetitive; 0: an FX bit follows every repetition
    ["b", "RE" | "SP" | ""]                   explicit: length byte, then bytes
    ["c", FSPEC bytes at most, [[name, node] | null, …]]   compound

    content: "raw", "spare", "int+", "int-", "icao", "ascii", "octal", or [lsb, unit, "+" | "-"]; "-" is signed

    categories: {"062": {"1.19": {"fspec": 5, "items": [["010", node] | null, …]}}}
    expansions: {"062": {"1.3": {"fspec": 1, "items": [[name, node] | null, …]}}}   fixed FSPEC, no FX
"""

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

CATEGORIES = (21, 34, 48, 62, 65)
TARGET = Path(__file__).parents[1] / "src/lowsky/wire/asterix/tables.json"


class Collector:
    """Turns libasterix classes into nodes, equal ones once."""

    def __init__(self, base: Any) -> None:
        self.base = base
        self.nodes: list[Any] = []
        self._index: dict[str, int] = {}

    def put(self, node: Any) -> int:
        key = json.dumps(node)
        if key not in self._index:
            self._index[key] = len(self.nodes)
            self.nodes.append(node)
        return self._index[key]

    def content(self, content: Any) -> Any:
        b = self.base
        if issubclass(content, b.ContentQuantity):
            sign = "-" if content.cv_signedness is b.Signed else "+"
            return [content.cv_lsb, content.cv_unit, sign]
        if issubclass(content, b.ContentInteger):
            return "int-" if content.cv_signedness is b.Signed else "int+"
        if issubclass(content, b.ContentString):
            names = {b.StringICAO: "icao", b.StringAscii: "ascii", b.StringOctal: "octal"}
            return names[content.cv_string_type]
        return "raw"  # raw, table and BDS contents are plain bits here

    def item(self, item: Any) -> list[Any]:
        if issubclass(item, self.base.Spare):
            return ["", self.put(["e", item.cv_bit_size, "spare"])]
        return self.named(item.cv_non_spare)

    def named(self, non_spare: Any) -> list[Any]:
        rule = non_spare.cv_rule
        dependent = issubclass(rule, self.base.RuleVariationDependent)
        variation = rule.cv_default_variation if dependent else rule.cv_variation
        return [non_spare.cv_name, self.variation(variation)]

    def variation(self, v: Any) -> int:
        b = self.base
        if issubclass(v, b.Element):
            dependent = issubclass(v.cv_rule, b.RuleContentDependent)
            content = "raw" if dependent else self.content(v.cv_rule.cv_content)
            return self.put(["e", v.cv_bit_size, content])
        if issubclass(v, b.Group):
            return self.put(["g", [self.item(i) for i, _ in v.cv_items_list]])
        if issubclass(v, b.Extended):
            parts = [[self.item(i[0]) for i in part if i is not None] for part in v.cv_items_list]
            return self.put(["x", parts, int(v.cv_items_list[-1][-1] is None)])
        if issubclass(v, b.Repetitive):
            return self.put(["r", v.cv_rep_bytes or 0, self.variation(v.cv_variation)])
        if issubclass(v, b.Explicit):
            kinds = {b.ReservedExpansion: "RE", b.SpecialPurpose: "SP", None: ""}
            return self.put(["b", kinds[v.cv_explicit_type]])
        if issubclass(v, b.Compound):
            return self.put(["c", v.cv_fspec_max_bytes, [n and self.named(n) for n in v.cv_items_list]])
        raise TypeError(f"libasterix has a variation this tool does not know: {v.__mro__}")

    def uap(self, item: Any) -> Any:
        if issubclass(item, self.base.UapItem):
            return self.named(item.cv_non_spare)
        if issubclass(item, self.base.UapItemRFS):
            raise TypeError("a random field sequencing item: the decoder has no code for it")
        return None


def generate() -> str:
    """The text of tables.json."""
    import asterix.base as base
    import asterix.generated as generated

    out = Collector(base)
    categories: dict[str, Any] = {}
    for category in CATEGORIES:
        editions = categories[f"{category:03d}"] = {}
        for spec in generated.manifest["CATS"][category]:
            record = spec.cv_uap.cv_record
            editions["{}.{}".format(*spec.cv_edition)] = {
                "fspec": record.cv_fspec_max_bytes,
                "items": [out.uap(item) for item in record.cv_items_list],
            }
    expansions: dict[str, Any] = {}
    for category in CATEGORIES:
        for spec in generated.manifest["REFS"].get(category, []):
            kind, size = spec.cv_expansion.cv_type
            if kind is not base.FspecFixed:
                raise TypeError("an expansion field without fixed FSPEC")
            expansions.setdefault(f"{category:03d}", {})["{}.{}".format(*spec.cv_edition)] = {
                "fspec": size,
                "items": [n and out.named(n) for n in spec.cv_expansion.cv_items_list],
            }
    head = {"source": f"libasterix {version('libasterix')}", "categories": categories, "expansions": expansions}
    lines = ",\n".join(json.dumps(node, separators=(",", ":"), ensure_ascii=False) for node in out.nodes)
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False)
    return f'{{"nodes":[\n{lines}\n],\n{text[1:]}\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare")
    given = parser.parse_args()
    text = generate()
    if given.check:
        same = TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text
        print("tables.json is up to date" if same else "tables.json differs: run python tools/asterix_tables.py")
        return 0 if same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
