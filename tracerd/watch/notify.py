"""A channel to one of the services that apprise knows: mail, chats, push messages, webhooks."""

from typing import Any

from tracerd.errors import ChannelError
from tracerd.watch.notice import Notice


class Apprise:
    """Sends a notice to the service that a URL names.

    Args:
        url: The URL; it may hold a password, so no message shows it.
        where: What an error begins with.

    Attributes:
        name: What it is called: the scheme of the URL.

    Raises:
        ChannelError: apprise is not installed, or does not know such a URL.
    """

    def __init__(self, url: str, where: str) -> None:
        try:
            from apprise import Apprise as Services
            from apprise import NotifyFormat
        except ImportError:
            raise ChannelError(f"{where}: apprise is not installed: pip install 'tracerd[notify]'") from None
        self.name = f"apprise {url.partition(':')[0]}"
        self._body_format = NotifyFormat.TEXT
        self._service: Any = Services()  # its types are not whole
        if not self._service.add(url):
            raise ChannelError(f"{where}: apprise does not take this URL; https://appriseit.com says how it is written")

    def send(self, notice: Notice) -> str:
        """Send it; what went wrong, or nothing."""
        is_sent = self._service.notify(
            body=notice.message, title=f"tracerd: {notice.title}", body_format=self._body_format
        )
        return "" if is_sent else "the service has not taken the alert"

    def stop(self) -> None:
        """Nothing can end it: the process ends without waiting for it."""
