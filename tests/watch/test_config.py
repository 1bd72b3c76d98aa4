"""The file of channels."""

import os
from pathlib import Path

import pytest

from tests.harness import needs_root
from tracerd.errors import TracerdError
from tracerd.watch.config import channels_of, hook_of


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "watch.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def error_of(path: Path) -> str:
    with pytest.raises(TracerdError) as caught:
        channels_of(path, print)
    return str(caught.value).replace(str(path), "FILE").replace(str(path.parent), "DIR")


def test_a_file_has_any_number_of_channels(tmp_path: Path) -> None:
    text = '[[channel]]\ncommand = ["true", "{message}"]\nseverity = "high"\n\n[[channel]]\ncommand = ["false"]\n'
    assert len(channels_of(config(tmp_path, text), print)) == 2
    assert channels_of(config(tmp_path, ""), print) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[channel]", "FILE is no TOML: "),
        ("[[chanel]]", 'FILE: there is no "chanel"; did you mean "channel"?'),
        ("channel = 1", "FILE: write [[channel]] above each channel"),
        ("channel = [1]", "FILE: channel 1: write [[channel]] above it"),
        ("[[channel]]", "FILE: channel 1: needs a command, or the URL of apprise"),
        ('[[channel]]\ncommand = ["a"]\napprise = "b://"', "FILE: channel 1: needs a command, or the URL of apprise"),
        ('[[channel]]\ncomand = ["a"]', 'FILE: channel 1: there is no "comand"; did you mean "command"?'),
        ('[[channel]]\ncommand = "a b"', "FILE: channel 1: command is a list of words, such as "),
        ("[[channel]]\ncommand = []", "FILE: channel 1: command is a list of words, such as "),
        ('[[channel]]\ncommand = ["a", 1]', "FILE: channel 1: command is a list of words, such as "),
        ('[[channel]]\ncommand = ["a\\u0000"]', "FILE: channel 1: command is a list of words, such as "),
        ('[[channel]]\ncommand = ["{rule}"]', "FILE: channel 1: nothing is substituted in the name of the program"),
        (
            '[[channel]]\ncommand = ["a", "{mesage}"]',
            'FILE: channel 1: there is no "{mesage}"; did you mean "message"?',
        ),
        (
            '[[channel]]\ncommand = ["a"]\nseverity = "bad"',
            "FILE: channel 1: severity is one of low, medium, high, critical",
        ),
        ("[[channel]]\napprise = 1", "FILE: channel 1: apprise is a URL in quotes"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    found = error_of(config(tmp_path, text))
    assert found.startswith(message)
    assert "\n" not in found


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = config(tmp_path, '[[channel]]\ncommand = ["true"]')
    path.chmod(mode)
    assert error_of(path) == f"FILE may be written by others (mode {mode:04o}): run chmod go-w on it"


def test_a_directory_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = config(tmp_path, '[[channel]]\ncommand = ["true"]')
    tmp_path.chmod(0o777)
    assert error_of(path).startswith("the directory DIR may be written by others")


@needs_root
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = config(tmp_path, '[[channel]]\ncommand = ["true"]')
    os.chown(path, 12345, 12345)
    assert error_of(path) == "FILE belongs to another user (uid 12345), who could have it run programs"


def test_what_is_no_file_is_refused_and_waits_for_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert error_of(tmp_path / "fifo") == "cannot read FILE: it is not a regular file"
    with pytest.raises(FileNotFoundError):
        channels_of(tmp_path / "none", print)


def test_the_command_of_an_option_is_checked_as_well() -> None:
    with pytest.raises(TracerdError, match=r"^--on-alert: "):
        hook_of([], "--on-alert", print)


def test_a_program_that_is_not_there_is_reported_at_the_start(tmp_path: Path) -> None:
    warnings: list[str] = []
    path = config(tmp_path, '[[channel]]\ncommand = ["true"]\n[[channel]]\ncommand = ["no-such-program"]\n')
    assert len(channels_of(path, warnings.append)) == 2
    assert warnings == [f"{path}: channel 2: there is no program no-such-program, so no alert can be sent"]
