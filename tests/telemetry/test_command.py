"""`tracerd telemetry`, and the events of tracerd's own commands."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import tracerd
from tracerd.cli.usage import UNRECORDED
from tracerd.telemetry import MachineId

EVENT = {"schema", "name", "tool", "tool_version", "machine_id", "timestamp_utc", "attrs"}


class Home:
    """A user's directories."""

    def __init__(self, path: Path) -> None:
        self.consent = path / ".config/tracerd/consent.toml"
        self.state = path / ".local/state/tracerd"
        self.events = self.state / "telemetry.jsonl"
        wanted = ("PATH", "LANG")
        self.environ = {name: os.environ[name] for name in wanted if name in os.environ} | {
            "HOME": str(path),
            "TRACERD_DIR": str(path / "logs"),
            "TRACERD_SOCKET": str(path / "s"),
        }

    def run(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        done = invoke(*arguments, **(dict.fromkeys(os.environ) | self.environ | environ))
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def status(self, **environ: str) -> dict[str, str | None]:
        row: dict[str, str | None] = json.loads(self.run("telemetry", "status", "--json", **environ).stdout)
        return row

    def recorded(self) -> list[dict[str, str]]:
        events = [json.loads(line) for line in self.events.read_text().splitlines()]
        assert all(set(event) == EVENT and event["name"] == "command.invoke" for event in events)
        return [event["attrs"] for event in events]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_nothing_is_recorded_and_no_file_made_by_default(home: Home, tmp_path: Path) -> None:
    assert home.run("list").returncode == 0

    assert home.status() == {
        "state": "disabled",
        "source": "default",
        "decided_at": None,
        "consent_file": str(home.consent),
        "events_file": str(home.events),
        "error": None,
    }
    assert not (tmp_path / ".config").exists()
    assert not (tmp_path / ".local").exists()


def test_enable_tells_what_is_noted_and_where(home: Home) -> None:
    enabled = home.run("telemetry", "enable")

    assert enabled.returncode == 0
    assert "Nothing is sent anywhere" in enabled.stdout
    assert f"consent file: {home.consent}\n" in enabled.stdout
    assert f"events file: {home.events}\n" in enabled.stdout
    status = home.status()
    assert (status["state"], status["source"]) == ("enabled", "consent-file")
    assert f'decided_at = "{status["decided_at"]}"' in home.consent.read_text()


def test_commands_are_recorded_once_enabled_and_no_longer_when_disabled(home: Home) -> None:
    home.run("telemetry", "enable")
    home.run("list")
    home.run("show", "no-such-trace")
    home.run("no-such-command", "secret")
    home.run("list", "--no-such-option", "secret")
    home.run("telemetry", "disable")
    home.run("list")

    assert [(attrs["command"], attrs["outcome"]) for attrs in home.recorded()] == [
        ("list", "ok"),
        ("show", "error"),
        ("list", "error"),
    ]
    assert {attrs["duration"] for attrs in home.recorded()} <= {"below 0.1 s", "below 1 s", "below 10 s", "below 1 min"}
    assert "secret" not in home.events.read_text()
    assert MachineId.derive("tracerd.telemetry.v1") in home.events.read_text()


def test_exec_serve_and_shims_are_never_recorded(home: Home) -> None:
    home.run("telemetry", "enable")
    # exec becomes the command, and so takes a process.
    for arguments in (["--no-start", "--", "true"], ["--help"]):
        tracerd("exec", *arguments, env=home.environ)
    home.run("serve", "--no-such-option")
    home.run("shim", "--help")

    assert not home.events.exists()
    assert {"exec", "serve", "shim"} < UNRECORDED


def test_reset_forgets_the_decision_and_the_made_machine_id_and_may_be_repeated(home: Home) -> None:
    home.run("telemetry", "enable")
    home.run("list")
    made = home.state / "machine-id"
    made.write_text("0" * 32)

    for _ in range(2):
        assert home.run("telemetry", "reset").returncode == 0
        assert not home.consent.exists()
        assert not made.exists()
        assert home.status()["source"] == "default"
    assert len(home.recorded()) == 1


@pytest.mark.parametrize("value", ["true", "1", "yes"])
def test_enable_is_refused_in_ci(home: Home, value: str) -> None:
    refused = home.run("telemetry", "enable", CI=value)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: CI is set")
    assert not home.consent.exists()
    assert home.run("telemetry", "disable", CI=value).returncode == 0


def test_do_not_track_wins(home: Home) -> None:
    home.run("telemetry", "enable")
    home.run("list", DO_NOT_TRACK="1")

    assert home.status(DO_NOT_TRACK="1")["source"] == "do-not-track"
    assert not home.events.exists()


def test_the_variable_enables_too(home: Home) -> None:
    home.run("list", TRACERD_TELEMETRY="1")

    assert home.status(TRACERD_TELEMETRY="1")["source"] == "env-override"
    assert [attrs["command"] for attrs in home.recorded()] == ["list"]


def test_an_unknown_version_disables_and_is_shown(home: Home) -> None:
    home.consent.parent.mkdir(parents=True)
    home.consent.write_text('version = 2\nstate = "enabled"\n')
    shown = home.run("telemetry", "status")
    home.run("list")

    assert "state: disabled\nsource: consent-file\n" in shown.stdout
    assert f"error: {home.consent}: its version is 2, not 1; reset or decide anew\n" in shown.stdout
    assert not home.events.exists()


@pytest.mark.parametrize("in_the_way", ["events", "state"])
def test_what_cannot_be_recorded_changes_no_command(home: Home, in_the_way: str) -> None:
    home.run("telemetry", "enable")
    before = home.run("list")
    if in_the_way == "events":
        home.events.unlink()
        os.mkfifo(home.events)
    else:
        home.events.unlink()
        home.state.rmdir()
        home.state.symlink_to("/proc/nowhere")
    after = home.run("list")

    assert (after.returncode, after.stdout, after.stderr) == (before.returncode, before.stdout, before.stderr)


def test_a_decision_that_cannot_be_written_is_one_line(home: Home) -> None:
    home.consent.mkdir(parents=True)
    refused = home.run("telemetry", "enable")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"Error: cannot write {home.consent}: Is a directory\n"


def test_without_a_home_enable_says_what_to_set(home: Home) -> None:
    home.environ["HOME"] = "relative"
    refused = home.run("telemetry", "enable")

    assert refused.returncode == 1
    assert refused.stderr == "Error: there is no directory for the decision: set HOME or XDG_CONFIG_HOME\n"
