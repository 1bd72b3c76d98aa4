"""The file of channels, `watch.toml`: read, and refused if others may write it."""

import os
import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

from tracerd.errors import ChannelError, UnsafePathError
from tracerd.query.lexer import did_you_mean
from tracerd.query.tracker_tree import SEVERITIES
from tracerd.store.paths import check_private
from tracerd.watch.channel import Channel, Sender
from tracerd.watch.hook import Hook, unknown_words
from tracerd.watch.notice import WORDS

_KEYS: Final = ("command", "apprise", "severity")

MAX_BYTES: Final = 1_000_000


def channels_of(path: Path, warn: Callable[[str], None]) -> list[Channel]:
    """The channels in a file.

    Args:
        path: The file.
        warn: Is called with what goes wrong later, in a line, from any thread.

    Raises:
        FileNotFoundError: There is no file.
        ChannelError: It cannot be read, or is not as it should be.
        UnsafePathError: Others may write it: it names programs to run.
    """
    text = _read(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ChannelError(f"{path} is no TOML: {error}") from None
    return [Channel(sender, severity, warn) for sender, severity in [*_senders(document, path, warn)]]


def _read(path: Path) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ChannelError(f"cannot read {path}: {error.strerror}") from None
    with open(fd, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ChannelError(f"cannot read {path}: it is not a regular file")
        if status.st_uid not in (os.geteuid(), 0):
            raise UnsafePathError(
                f"{path} belongs to another user (uid {status.st_uid}), who could have it run programs"
            )
        if status.st_mode & 0o022:
            raise UnsafePathError(
                f"{path} may be written by others (mode {status.st_mode & 0o7777:04o}): run chmod go-w on it"
            )
        check_private(Path(os.path.realpath(path)).parent, sticky_allowed=True)
        try:
            return file.read(MAX_BYTES).decode()
        except UnicodeDecodeError:
            raise ChannelError(f"{path} is no TOML: it is not UTF-8") from None


def _senders(document: dict[str, object], path: Path, warn: Callable[[str], None]) -> Iterator[tuple[Sender, str]]:
    unknown = next((key for key in document if key != "channel"), None)
    if unknown is not None:
        raise ChannelError(f'{path}: there is no "{unknown}"{did_you_mean(unknown, ["channel"])}')
    channels = document.get("channel", [])
    if not isinstance(channels, list):
        raise ChannelError(f"{path}: write [[channel]] above each channel")
    for number, channel in enumerate(cast("list[object]", channels), 1):
        where = f"{path}: channel {number}"
        if not isinstance(channel, dict):
            raise ChannelError(f"{where}: write [[channel]] above it")
        yield _sender(cast("dict[str, object]", channel), where, warn)


def _sender(channel: dict[str, object], where: str, warn: Callable[[str], None]) -> tuple[Sender, str]:
    for key in channel:
        if key not in _KEYS:
            raise ChannelError(f'{where}: there is no "{key}"{did_you_mean(key, _KEYS)}')
    severity = channel.get("severity", SEVERITIES[0])
    if severity not in SEVERITIES:
        raise ChannelError(f"{where}: severity is one of {', '.join(SEVERITIES)}")
    if ("command" in channel) == ("apprise" in channel):
        raise ChannelError(f"{where}: needs a command, or the URL of apprise")
    if "apprise" in channel:
        from tracerd.watch.notify import Apprise

        url = channel["apprise"]
        if not isinstance(url, str):
            raise ChannelError(f"{where}: apprise is a URL in quotes")
        return Apprise(url, where), str(severity)
    return hook_of(channel["command"], where, warn), str(severity)


def hook_of(command: object, where: str, warn: Callable[[str], None]) -> Hook:
    """The hook of a command.

    Args:
        command: Its words.
        where: What an error begins with.
        warn: Is called if there is no such program.

    Raises:
        ChannelError: It is none.
    """
    words = cast("list[object]", command) if isinstance(command, list) else []
    texts = [word for word in words if isinstance(word, str)]
    if not texts or len(texts) != len(words) or not texts[0] or any("\0" in text for text in texts):
        raise ChannelError(f'{where}: command is a list of words, such as ["notify-send", "tracerd", "{{message}}"]')
    if "{" in texts[0]:
        raise ChannelError(f"{where}: nothing is substituted in the name of the program")
    for name in unknown_words(texts):
        raise ChannelError(f'{where}: there is no "{{{name}}}"{did_you_mean(name, WORDS)}')
    hook = Hook(texts)
    if not hook.is_there:
        warn(f"{where}: there is no program {texts[0]}, so no alert can be sent")
    return hook
