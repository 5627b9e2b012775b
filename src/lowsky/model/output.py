"""An output of the site file, and how it is doing."""

from typing import Any, Protocol

import msgspec

from lowsky.model.zone import OVER_API, PRIORITIES, is_over_api

DELIVER = ("every", "latest")


class _Told(Protocol):
    """What is asked whether it is told: an occurrence, or a reference to one."""

    @property
    def priority(self) -> str: ...
    @property
    def zones(self) -> tuple[str, ...]: ...


class Output(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told of alerts, of which, and how. ``options`` are the kind's own, without a secret in them.

    ``deliver`` "every": each change of an alert; "latest": once it is behind, only the newest of each alert.
    """

    id: str
    kind: str
    priorities: tuple[str, ...] = PRIORITIES
    zones: tuple[str, ...] = ()  # any of them; none: all alerts, also those that are about no zone
    deliver: str = "every"
    operator_positions: bool = False  # where a drone says that its pilot is: personal data
    options: dict[str, Any] = {}

    def wants(self, told: _Told) -> bool:
        """Priorities never fall and zones are never taken away while an alert lasts, so who heard of an alert also
        hears that it is over."""
        return told.priority in self.priorities and (not self.zones or any(map(self._is_about, told.zones)))

    def _is_about(self, zone: str) -> bool:
        return zone in self.zones or (OVER_API in self.zones and is_over_api(zone))


class OutputStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``status``: ok, or degraded with ``trouble`` in words. Counts are since start."""

    id: str
    kind: str
    status: str
    trouble: str = ""
    sent: int = 0
    repeated: int = 0  # of those sent, marked as repeats
    pictures: int = 0  # sent by outputs that show some
    retries: int = 0
    superseded: int = 0  # left out, because a later state of the same alert was waiting
    refused: int = 0  # set aside after the receiver said that it does not understand them
    waiting: int = 0
    oldest_ns: int | None = None  # time of the oldest that waits
    last_sent_ns: int | None = None
