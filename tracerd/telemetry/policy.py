"""Whether events are recorded: who decides, and in which order."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from tracerd.telemetry import consent
from tracerd.telemetry.consent import ConsentState
from tracerd.telemetry.error import TelemetryError

Source = Literal["do-not-track", "consent-file", "env-override", "default"]

_ON = ("1", "true", "on")
_OFF = ("0", "false", "off")


class CollectionPolicy(Enum):
    """Whether events are recorded."""

    DISABLED = "disabled"
    ENABLED = "enabled"


@dataclass(frozen=True, slots=True)
class Decision:
    """A policy and where it comes from.

    Attributes:
        policy: Whether events are recorded.
        source: What decided.
        decided_at: When the user did, in RFC 3339; None if that is not known.
        consent_file: Where the user's decision is, or would be; None if there is no directory for it.
        error: Why the consent file could not be read; then the policy is disabled.
    """

    policy: CollectionPolicy
    source: Source
    decided_at: str | None
    consent_file: str | None
    error: str | None = None


def policy_of(tool: str, environ: Mapping[str, str] = os.environ) -> CollectionPolicy:
    """Whether the user of a tool wants events; see `decide`."""
    return decide(tool, environ).policy


def decide(tool: str, environ: Mapping[str, str] = os.environ) -> Decision:
    """The policy for a tool, in this order.

    1. `DO_NOT_TRACK`, unless empty or `0`: disabled.
    2. The consent file, unless its state is `unset`. If it cannot be read: disabled.
    3. `<TOOL>_TELEMETRY`, with `1`, `true`, `on`, `0`, `false` or `off`.
    4. Disabled.

    Args:
        tool: Its name; the consent file is `<configuration directory>/<tool>/consent.toml`.
        environ: The environment.

    Raises:
        ValueError: The name cannot be that of a directory.
    """
    path = consent_file(tool, environ)
    found, error = None, None
    if path is not None:
        try:
            found = consent.read(path)
        except TelemetryError as caught:
            error = str(caught)
    decided_at = found.decided_at if found else None
    if is_set(environ, "DO_NOT_TRACK"):
        return Decision(CollectionPolicy.DISABLED, "do-not-track", decided_at, path, error)
    if error is not None:
        return Decision(CollectionPolicy.DISABLED, "consent-file", None, path, error)
    if found and found.state is not ConsentState.UNSET:
        return Decision(CollectionPolicy(found.state.value), "consent-file", decided_at, path)
    value = environ.get(variable(tool), "").strip().lower()
    if value in _ON + _OFF:
        policy = CollectionPolicy.ENABLED if value in _ON else CollectionPolicy.DISABLED
        return Decision(policy, "env-override", decided_at, path)
    return Decision(CollectionPolicy.DISABLED, "default", decided_at, path)


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Whether a variable says yes: any value but an empty one, `0` and `false`."""
    return environ.get(name, "").strip().lower() not in ("", "0", "false")


def variable(tool: str) -> str:
    """The variable that stands for a decision: `MY_TOOL_TELEMETRY` for `my-tool`."""
    return re.sub(r"\W", "_", tool.upper(), flags=re.ASCII) + "_TELEMETRY"


def consent_file(tool: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The path of a tool's consent file: in `$XDG_CONFIG_HOME`, else in `~/.config`; None if there is no home.

    Raises:
        ValueError: The name cannot be that of a directory.
    """
    return _user_path(tool, "consent.toml", environ, "XDG_CONFIG_HOME", ".config")


def state_file(tool: str, name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """A file of a tool that can be removed: in `$XDG_STATE_HOME`, else in `~/.local/state`; None without a home.

    Raises:
        ValueError: The name cannot be that of a directory.
    """
    return _user_path(tool, name, environ, "XDG_STATE_HOME", ".local/state")


def _user_path(tool: str, name: str, environ: Mapping[str, str], variable_name: str, below_home: str) -> str | None:
    if not re.fullmatch(r"[\w][\w.-]*", tool):
        raise ValueError(f"not the name of a tool: {tool!r}; it has to do as the name of a directory")
    directory = environ.get(variable_name, "")
    if not os.path.isabs(directory):
        home = environ.get("HOME") or os.path.expanduser("~")
        if not os.path.isabs(home):
            return None
        directory = os.path.join(home, below_home)
    return os.path.join(directory, tool, name)
