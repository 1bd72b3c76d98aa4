"""A usage event, and its line of JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

SCHEMA = 1
"""The version of an event's fields: it grows when one is removed or changes its meaning."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened.

    Attributes:
        name: Such as `command.invoke`.
        tool: The tool's name.
        tool_version: Its version.
        machine_id: 64 hexadecimal digits; see `MachineId`.
        timestamp_utc: RFC 3339, to the second, such as `2026-04-22T12:00:00Z`.
        attrs: What else the author says of it.
        schema: The version of these fields.
    """

    name: str
    tool: str
    tool_version: str
    machine_id: str
    timestamp_utc: str
    attrs: Mapping[str, str]
    schema: int = SCHEMA

    def to_json(self) -> str:
        """One line of ASCII without its newline; the fields are always in the same order."""
        fields: dict[str, object] = {
            "schema": self.schema,
            "name": self.name,
            "tool": self.tool,
            "tool_version": self.tool_version,
            "machine_id": self.machine_id,
            "timestamp_utc": self.timestamp_utc,
            "attrs": dict(self.attrs),
        }
        return json.dumps(fields, separators=(",", ":"))
