"""`tracerd doctor`: what is wrong with the machine: disks, units, sleep."""

import time
from pathlib import Path

import pytest

from tests.cli.doctor import examine
from tests.cli.doctor import home as home
from tracerd.cli import doctor
from tracerd.cli.doctor_directory import space_check
from tracerd.cli.doctor_severity import Severity


@pytest.mark.parametrize(
    ("free", "files", "severity"),
    [
        (49_999_999, None, Severity.FAIL),
        (50_000_000, None, Severity.WARN),
        (999_999_999, 5, Severity.WARN),
        (1_000_000_000, 5, Severity.OK),
        (1_000_000_000, 0, Severity.FAIL),
    ],
)
def test_room_that_runs_out(free: int, files: int | None, severity: Severity) -> None:
    check = space_check(free, files)
    assert check.severity is severity
    assert ("tracerd clear" in check.text) is (severity is not Severity.OK)


LOADED = "Id={0}\nLoadState=loaded\nActiveState={1}\n"
MISSING = "Id={0}\nLoadState=not-found\nActiveState=inactive\n"


@pytest.mark.parametrize(
    ("script", "level", "text"),
    [
        (None, "OK", "not checked: there is no systemctl"),
        ("exit 1", "OK", "not checked: no user manager of systemd answers"),
        (MISSING, "OK", 'not installed; see "As a service" in the README'),
        (("active", "active"), "OK", "tracerd.socket active, tracerd.service active"),
        (("active", "inactive"), "OK", "tracerd.socket active, tracerd.service inactive"),
        (
            ("inactive", "inactive"),
            "WARN",
            "tracerd.socket, tracerd.service not active; run systemctl --user start tracerd.socket",
        ),
        (("active", "failed"), "FAIL", "tracerd.service has failed; see journalctl --user -u tracerd.service"),
    ],
)
def test_units(home: Path, script: str | tuple[str, str] | None, level: str, text: str) -> None:
    units = ("tracerd.socket", "tracerd.service")
    if script == MISSING:
        answer = "\n".join(MISSING.format(unit) for unit in units)
    elif isinstance(script, tuple):
        answer = "\n".join(LOADED.format(unit, state) for unit, state in zip(units, script, strict=True))
    else:
        answer = ""
    if script is not None:
        (home / "answer").write_text(answer)
        line = script if script == "exit 1" else f"exec /bin/cat {home}/answer"
        (home / "systemctl").write_text(f"#!/bin/sh\n{line}\n")
        (home / "systemctl").chmod(0o755)
    assert examine(home, PATH=str(home))["unit"] == (level, text)


def test_a_machine_that_slept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read = time.clock_gettime

    def slept(clock: int) -> float:
        return read(clock) + (3600 if clock == time.CLOCK_BOOTTIME else 0)

    monkeypatch.setattr(time, "clock_gettime", slept)
    check = {each.subject: each for each in doctor.examine(tmp_path / "s", tmp_path / "logs", {})}["clock"]
    assert check.severity is Severity.WARN
    assert "asleep for 3600 s since then: take ts from CLOCK_MONOTONIC" in check.text
