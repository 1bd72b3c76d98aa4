"""Channels by apprise, to real receivers on this machine."""

import json
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.http_server import Answer, Request, serving
from tests.watch.alerts import alert
from tracerd.errors import ChannelError
from tracerd.watch.channel import Channel
from tracerd.watch.config import channels_of
from tracerd.watch.notice import Notice
from tracerd.watch.notify import Apprise

pytest.importorskip("apprise", reason="tracerd[notify] is not installed")

# apprise imports modules that the next versions of Python lack, and does without them there.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

HOSTILE = '-h <b>"it\'s"</b>\n\x1b[31mtwo'
SHOWN = 'high error_spike -h <b>"it\'s"</b>\\n\\x1b[31mtwo: 23 errors in 60 s'


@contextmanager
def webhook(status: int = 200) -> Generator[tuple[int, list[Any]]]:
    """A web server that keeps what it is sent; its port, and that."""
    received: list[Any] = []

    def answer(request: Request) -> Answer:
        received.append(json.loads(request.body))
        return Answer(status)

    with serving(answer) as port:
        yield port, received


@contextmanager
def mail_server() -> Generator[tuple[int, list[EmailMessage]]]:
    """A mail server that keeps what it is sent; its port, and that."""
    smtp = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd is not installed")
    received: list[EmailMessage] = []

    class Handler:
        async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 (the name is aiosmtpd's)
            received.append(message_from_bytes(envelope.content, policy=policy.default))
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    controller = smtp.Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port, received
    finally:
        controller.stop()


def test_a_webhook_is_sent_title_and_message() -> None:
    with webhook() as (port, received):
        assert Apprise(f"json://127.0.0.1:{port}/hook", "here").send(Notice((alert(HOSTILE),))) == ""

    [found] = received
    assert found["title"] == f"tracerd: {SHOWN.partition(':')[0]}"
    assert found["message"] == SHOWN


def test_a_mail_has_a_line_for_each_alert() -> None:
    with mail_server() as (port, received):
        url = f"mailto://127.0.0.1:{port}?mode=insecure&from=tracerd@example.com&to=ada@example.com"
        assert Apprise(url, "here").send(Notice((alert(), alert(HOSTILE)))) == ""

    [found] = received
    assert found["subject"] == "tracerd: 2 alerts"
    plain = found.get_body(("plain",))
    html = found.get_body(("html",))
    texts = [body.get_content() for body in (plain, html) if body is not None]
    assert texts
    for text in texts:
        assert "high error_spike api: 23 errors in 60 s" in text
    if plain is not None:
        assert SHOWN in plain.get_content()
    if html is not None:
        assert "<b>" not in html.get_content()
        assert "&lt;b&gt;" in html.get_content()


def test_a_service_that_refuses_is_reported() -> None:
    with webhook(status=500) as (port, _):
        found = Apprise(f"json://127.0.0.1:{port}", "here").send(Notice((alert(),)))
    assert found == "the service has not taken the alert"


def test_a_channel_of_the_file_sends_in_a_thread_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "watch.toml"
    warnings: list[str] = []
    with webhook() as (port, received):
        path.write_text(f'[[channel]]\napprise = "json://127.0.0.1:{port}"\nseverity = "high"\n')
        path.chmod(0o600)
        [channel] = channels_of(path, warnings.append)
        channel.offer([alert(severity="low"), alert(severity="critical")], 0)
        channel.finish()

    assert [found["message"] for found in received] == ["critical error_spike api: 23 errors in 60 s"]
    assert warnings == []


def test_no_message_shows_a_url() -> None:
    with pytest.raises(ChannelError) as caught:
        Apprise("nothing://user:hunter2@host", "watch.toml: channel 1")
    assert str(caught.value).startswith("watch.toml: channel 1: apprise does not take this URL; ")
    assert "hunter2" not in str(caught.value)

    warnings: list[str] = []
    channel = Channel(Apprise("json://user:hunter2@127.0.0.1:9", "here"), "low", warnings.append)
    channel.offer([alert()], 0)
    channel.finish()
    assert warnings == ["apprise json: the service has not taken the alert; not sent: 08:00:00 high error_spike api"]


def test_without_the_extra_the_error_says_what_to_install() -> None:
    source = (
        "import sys; sys.modules['apprise'] = None; from tracerd.watch.notify import Apprise; Apprise('json://x', 'f')"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "tracerd.errors.ChannelError: f: apprise is not installed: pip install 'tracerd[notify]'"
    )
