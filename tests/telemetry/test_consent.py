"""The consent file, the order of decisions, and the machine id."""

import os
import re
import stat
from pathlib import Path

import pytest

from tracerd.telemetry import (
    CollectionPolicy,
    Consent,
    ConsentState,
    MachineId,
    TelemetryError,
    consent,
    decide,
    machine_id,
    policy_of,
)

ENABLED, DISABLED = CollectionPolicy.ENABLED, CollectionPolicy.DISABLED


@pytest.mark.parametrize("state", list(ConsentState))
@pytest.mark.parametrize("decided_at", [None, "2026-05-08T12:34:56Z"])
def test_what_is_written_is_read(tmp_path: Path, state: ConsentState, decided_at: str | None) -> None:
    path = tmp_path / "mytool" / "consent.toml"
    consent.write(path, Consent(state, decided_at))

    assert consent.read(path) == Consent(state, decided_at)


def test_the_file_is_three_lines_for_the_user_only(tmp_path: Path) -> None:
    path = tmp_path / "mytool" / "consent.toml"
    consent.write(path, Consent(ConsentState.ENABLED, "2026-05-08T12:34:56Z"))

    assert path.read_text() == 'version = 1\nstate = "enabled"\ndecided_at = "2026-05-08T12:34:56Z"\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["consent.toml"]


def test_a_decision_of_now_has_its_time() -> None:
    decided = [Consent.enabled_now(), Consent.disabled_now()]

    assert [one.state for one in decided] == [ConsentState.ENABLED, ConsentState.DISABLED]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one.decided_at or "") for one in decided)


def test_no_file_is_no_decision_and_reset_may_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "mytool" / "consent.toml"
    assert consent.read(path) is None
    consent.reset(path)
    consent.write(path, Consent.enabled_now())
    consent.reset(path)
    consent.reset(path)
    assert consent.read(path) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'version = 2\nstate = "enabled"\n', "its version is 2, not 1"),
        (b'version = true\nstate = "enabled"\n', "its version is True, not 1"),
        (b'state = "enabled"\n', "its version is None, not 1"),
        (b'version = 1\nstate = "yes"\n', "'yes' is not a valid ConsentState"),
        (b"version = 1\n", "None is not a valid ConsentState"),
        (b'version = 1\nstate = ["enabled"]\n', "is not a valid ConsentState"),
        (b'version = 1\nstate = "enabled"\ndecided_at = 5\n', "decided_at is not a text"),
        (b'version = 1\nstate = "enabled"\ndecided_at = "today"\n', "Invalid isoformat string: 'today'"),
        (b"version =", "Invalid value"),
        (b"\xff", "utf-8"),
        (b"", "its version is None, not 1"),
        (b"a = " + b"[" * 50_000, "nested too deeply"),
    ],
)
def test_what_is_not_known_is_an_error_and_disables(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "mytool" / "consent.toml"
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(TelemetryError, match=re.escape(reason)) as caught:
        consent.read(path)
    assert caught.value.code == "tracerd.telemetry.format"
    decision = decide("mytool", {"XDG_CONFIG_HOME": str(tmp_path), "MYTOOL_TELEMETRY": "1"})
    assert (decision.policy, decision.source, decision.error) == (DISABLED, "consent-file", str(caught.value))


@pytest.mark.parametrize("kind", ["directory", "fifo", "loop"])
def test_what_is_no_file_is_an_error_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "consent.toml"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(path)

    with pytest.raises(TelemetryError, match="cannot read") as caught:
        consent.read(path)
    assert caught.value.code == "tracerd.telemetry.io"


def test_a_link_is_read_through_and_replaced_itself(tmp_path: Path) -> None:
    target, path = tmp_path / "target.toml", tmp_path / "consent.toml"
    consent.write(target, Consent(ConsentState.DISABLED))
    before = target.read_bytes()
    path.symlink_to(target)

    assert consent.read(path) == Consent(ConsentState.DISABLED)
    consent.write(path, Consent(ConsentState.ENABLED))
    assert consent.read(path) == Consent(ConsentState.ENABLED)
    assert target.read_bytes() == before
    path.unlink()
    path.symlink_to(target)
    consent.reset(path)
    assert target.read_bytes() == before


def test_a_file_that_cannot_be_replaced_stays_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "consent.toml"
    path.mkdir()

    with pytest.raises(TelemetryError, match="cannot write"):
        consent.write(path, Consent.enabled_now())
    assert os.listdir(tmp_path) == ["consent.toml"]
    with pytest.raises(TelemetryError, match="cannot remove"):
        consent.reset(path)


def test_a_time_cannot_smuggle_lines_into_the_file() -> None:
    with pytest.raises(ValueError, match="Invalid isoformat"):
        Consent(ConsentState.DISABLED, '2026-05-08"\nstate = "enabled')


@pytest.mark.parametrize(
    ("state", "environ", "policy", "source"),
    [
        (None, {}, DISABLED, "default"),
        ("unset", {}, DISABLED, "default"),
        ("enabled", {}, ENABLED, "consent-file"),
        ("disabled", {"MY_TOOL_TELEMETRY": "1"}, DISABLED, "consent-file"),
        ("enabled", {"MY_TOOL_TELEMETRY": "0"}, ENABLED, "consent-file"),
        (None, {"MY_TOOL_TELEMETRY": "1"}, ENABLED, "env-override"),
        ("unset", {"MY_TOOL_TELEMETRY": "True"}, ENABLED, "env-override"),
        (None, {"MY_TOOL_TELEMETRY": " ON "}, ENABLED, "env-override"),
        (None, {"MY_TOOL_TELEMETRY": "off"}, DISABLED, "env-override"),
        (None, {"MY_TOOL_TELEMETRY": "perhaps"}, DISABLED, "default"),
        (None, {"MY-TOOL_TELEMETRY": "1"}, DISABLED, "default"),
        ("enabled", {"DO_NOT_TRACK": "1"}, DISABLED, "do-not-track"),
        (None, {"DO_NOT_TRACK": "yes", "MY_TOOL_TELEMETRY": "1"}, DISABLED, "do-not-track"),
        ("enabled", {"DO_NOT_TRACK": "0"}, ENABLED, "consent-file"),
        ("enabled", {"DO_NOT_TRACK": ""}, ENABLED, "consent-file"),
        ("enabled", {"CI": "true"}, ENABLED, "consent-file"),
    ],
)
def test_order_of_decisions(
    tmp_path: Path, state: str | None, environ: dict[str, str], policy: CollectionPolicy, source: str
) -> None:
    if state:
        consent.write(tmp_path / "my-tool" / "consent.toml", Consent(ConsentState(state), "2026-05-08T12:34:56Z"))

    decision = decide("my-tool", {"XDG_CONFIG_HOME": str(tmp_path)} | environ)

    assert (decision.policy, decision.source) == (policy, source)
    assert decision.decided_at == ("2026-05-08T12:34:56Z" if state else None)
    assert decision.consent_file == str(tmp_path / "my-tool" / "consent.toml")


def test_the_file_is_found_by_home(tmp_path: Path) -> None:
    consent.write(tmp_path / ".config" / "mytool" / "consent.toml", Consent.enabled_now())

    assert policy_of("mytool", {"HOME": str(tmp_path)}) is ENABLED
    assert policy_of("mytool", {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "relative"}) is ENABLED


def as_it_is(path: str) -> str:
    return path


def test_without_a_home_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.expanduser", as_it_is)  # as for a user that no file of users has

    assert decide("mytool", {}).consent_file is None
    assert policy_of("mytool", {}) is DISABLED


@pytest.mark.parametrize("tool", ["", ".", "..", "a/b", "-x", ".hidden", "a\0", "a b"])
def test_a_name_that_is_no_directory_is_refused(tool: str) -> None:
    with pytest.raises(ValueError, match="not the name of a tool"):
        policy_of(tool, {})


def test_the_machine_id_depends_on_the_salt_and_shows_nothing_of_the_machine() -> None:
    first, again, other = MachineId.derive("a"), MachineId.derive("a"), MachineId.derive("b")

    assert re.fullmatch("[0-9a-f]{64}", first)
    assert first != other
    if any(map(machine_id.read_id, machine_id.SYSTEM_FILES)):
        assert first == again


def test_without_an_id_of_the_system_it_is_random_and_kept_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_id, "SYSTEM_FILES", (str(tmp_path / "none"),))
    cache = tmp_path / "state" / "machine-id"

    assert MachineId.derive("a") != MachineId.derive("a")
    assert MachineId.derive("a", str(cache)) == MachineId.derive("a", str(cache))
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    cache.write_text("uninitialized\n")
    assert MachineId.derive("a", str(cache)) != MachineId.derive("a", str(cache))


def test_the_id_is_sha256_of_salt_and_machine_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that authors can compute it with other tools."""
    path = tmp_path / "machine-id"
    path.write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(machine_id, "SYSTEM_FILES", (str(path),))

    assert MachineId.derive("mytool.v1") == "271a6140305b7c7677192547482bce8eca68736d0becf56cbc181184070c288f"
