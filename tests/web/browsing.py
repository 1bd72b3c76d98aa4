"""Pages as a program sees them: with the cookie of a browser, and parsed."""

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

from tests.web.servers import NO_HEADERS, Parameters, Reply, Server


class Elements(HTMLParser):
    """The elements of a page, each with its attributes, and all of its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str, **attributes: str) -> Iterator[dict[str, str | None]]:
        """The attributes of such elements."""
        for name, has in self.found:
            if name == tag and attributes.items() <= has.items():
                yield has

    @property
    def links(self) -> list[str]:
        return [str(has["href"]) for has in self.of("a")]


class Browser:
    """A browser that is logged in, without scripts."""

    def __init__(self, server: Server) -> None:
        login = urlsplit(str(server.ask("/api/login", method="POST").json()["url"]))
        self._server = server
        self._headers = {"Host": login.netloc, "Accept": "text/html"}
        welcome = self.reply(f"/?{login.query}")
        self._headers["Cookie"] = str(welcome.headers["Set-Cookie"]).partition(";")[0]

    def reply(self, path: str, parameters: Parameters = NO_HEADERS, method: str = "GET") -> Reply:
        return self._server.ask(path, parameters, token=None, headers=self._headers, method=method)

    def open(self, path: str, parameters: Parameters = NO_HEADERS) -> Elements:
        """A page that must be there."""
        reply = self.reply(path, parameters)
        assert reply.status == 200, reply.body
        return Elements(reply.body.decode())
