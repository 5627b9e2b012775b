"""How long the alert desk waits before it becomes louder: the [desk] table of the site file."""

import msgspec


class DeskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Defaults are those of docs: first guesses, to be tuned on recordings.

    Attributes
    ----------
    louder_after_s : float
        A high alert that nobody has acknowledged for so long sounds louder.
    second_after_s : float
        After so long the second recipient is told, too; not before it is louder.
    second_recipient : str
        Who that is, in words; outputs say it.
    """

    louder_after_s: float = 30.0
    second_after_s: float = 60.0
    second_recipient: str = ""
