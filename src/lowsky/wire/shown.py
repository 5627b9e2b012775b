"""Text that came over the air, made fit to show: bounded, without control characters."""

import unicodedata

MAX_CHARACTERS = 64
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# control, format (bidirectional overrides, zero width), surrogates, private, unassigned, line separators
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown(text: str | None, limit: int = MAX_CHARACTERS) -> str | None:
    """The text with what cannot be seen made visible as �, cut at ``limit`` characters. None stays None."""
    if text is None:
        return None
    cut = text[: limit + 1]
    if not (cut.isascii() and cut.isprintable()):
        cut = "".join(REPLACEMENT if unicodedata.category(c) in HIDDEN else c for c in cut)
    return cut if len(cut) <= limit else cut[: limit - 1] + "…"
