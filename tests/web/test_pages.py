"""Pages without a browser: what they say, where they lead, and that nothing in a log becomes a part of them."""

import json
from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.web.browsing import Browser
from tests.web.conftest import attributes, log, point, span, text
from tests.web.servers import Server, serving

PATHS = [
    "/", "/overview/alerts", "/overview/services", "/overview/logs", "/traces", "/traces/a", "/logs", "/charts",
    "/charts?name=cpu&trace=a", "/alerts", "/compare", "/compare?a=a&b=b",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser(server: Server) -> Browser:
    return Browser(server)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing_of_its_own_text(browser: Browser, path: str) -> None:
    reply = browser.reply(path)
    page = browser.open(path)

    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    for tag, has in page.found:
        assert tag != "style"
        assert tag != "script" or has.get("src", "")
        assert not [name for name in has if name == "style" or name.startswith("on")]
        address = has.get("src") or has.get("href") or "/"
        assert address.startswith(("/", "#")), address


@pytest.mark.parametrize("path", PATHS)
def test_a_page_and_all_it_loads_is_small(browser: Browser, path: str) -> None:
    page = browser.open(path)
    loaded = [str(has.get("src") or has.get("href")) for has in (*page.of("script"), *page.of("link"), *page.of("img"))]

    assert sum(len(browser.reply(one).body) for one in {path, *loaded}) < 100_000


def test_the_list_takes_the_filters_of_the_api(browser: Browser) -> None:
    everything = browser.open("/traces", {"title": "", "tags": "", "errors": ""})
    some = browser.open("/traces", [("tags", "ci"), ("tags", "linux"), ("orderBy", "name.asc")])

    assert [link for link in everything.links if link.startswith("/traces/")] == [f"/traces/{one}" for one in "cbad"]
    assert [link for link in some.links if link.startswith("/traces/")] == ["/traces/a"]
    assert "/api/public/traces?tags=ci&tags=linux&orderBy=name.asc" in some.links
    [value] = [has["value"] for has in some.of("input", name="tags")]
    assert value == "ci"
    assert [has["value"] for has in some.of("option") if "selected" in has] == ["name.asc", "50"]


def test_pages_of_the_list_keep_its_filters(browser: Browser) -> None:
    first = browser.open("/traces", {"limit": "1", "tags": "ci"})
    [following] = [has["href"] for has in first.of("a", rel="next")]
    second = browser.open(str(following))

    assert following == "/traces?limit=1&tags=ci&page=2"
    assert [has["href"] for has in second.of("a", rel="prev")] == ["/traces?limit=1&tags=ci&page=1"]
    assert not [*second.of("a", rel="next")]


def test_what_cannot_be_asked_is_explained_on_a_page(browser: Browser) -> None:
    for path, status, words in (
        ("/traces?where=spans%20%3E", 400, ">where:1:8"),
        ("/traces?nope=1", 400, "unknown parameter"),
        ("/traces/nope", 404, "there is no trace"),
        ("/nope", 404, "There is no such page"),
    ):
        reply = browser.reply(path)
        assert (reply.status, reply.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert words in reply.body.decode(), path


def test_the_first_page_says_what_failed_and_what_was_there(browser: Browser) -> None:
    page, logs = browser.open("/"), browser.open("/overview/logs")

    running, _, rest = page.text.partition("Recent failures")
    failures, _, rest = rest.partition("Other recent builds")
    assert "No process is writing a trace" in running
    assert "nightly" in failures
    assert "2 errors" in failures
    assert "records a build" in rest
    assert [has["data-fragment"] for has in page.of("section") if "data-fragment" in has] == [
        "/overview/alerts",
        "/overview/services",
        "/overview/logs",
    ]
    assert logs.text.index("three") < logs.text.index("two") < logs.text.index("one")
    assert "user_id=123" in logs.text


HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "\u202egnp.exe\u202c \u200f",
    "\x1b[31mred\x1b[0m \x07",
    "{{ 7 * 7 }}{% raw %}",
    "\ud800 lone",
    "x" * 10_000,
]


def test_nothing_in_a_log_becomes_a_part_of_a_page(tmp_path: Path) -> None:
    directory = tmp_path / "logs"
    directory.mkdir(mode=0o700)
    for number, name in enumerate(HOSTILE):
        about = attributes(name=name, command=name, session=name, tags=[name, 7], environment=name, **{name: name})
        lines = text(about, span(name, 0, 5, error=name, **{name: name}), log(name, 1, "error"))
        (directory / f"h{number}.jsonl").write_bytes(lines)
    with serving(directory) as server:
        browser = Browser(server)
        for path in ("/", "/overview/logs", "/traces", *(f"/traces/h{number}" for number in range(len(HOSTILE)))):
            page = browser.open(path)
            tags = {tag for tag, _ in page.found}
            assert not tags & {"style", "object", "iframe", "base"}
            assert len([*page.of("script")]) <= 2
            assert not [has for _, has in page.found for name in has if name.startswith("on")]
            assert not {"\u202e", "\x1b", "\x07", "\u200f"} & {*page.text}, path
            assert "{{ 7 * 7 }}" in page.text or path.startswith("/traces/")
        named = browser.open("/traces", {"title": HOSTILE[0]})
        assert f"/traces?tags={quote(HOSTILE[0], safe='/')}" in named.links
        for name in HOSTILE[:5]:
            filtered = browser.open("/traces", {"where": f"name == {json.dumps(name)}"})
            assert [has["value"] for has in filtered.of("input", name="where")] == [f"name == {json.dumps(name)}"]
        odd = browser.open("/traces", {"title": HOSTILE[2]})
        assert [has["value"] for has in odd.of("input", name="title")] == [HOSTILE[2]]


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser]:
    """Traces and what is in them, with names that are blank, and a command without a name."""
    directory = tmp_path_factory.mktemp("unnamed") / "logs"
    directory.mkdir(mode=0o700)
    (directory / "blank.jsonl").write_bytes(text(attributes(name=" ", tags=[""]), log(" ", 1), point(" ", 2, 1)))
    (directory / "named.jsonl").write_bytes(
        text(attributes(name="fixedbuild", command="ninja all"), span("ninja", 0, 5))
    )
    (directory / "built.jsonl").write_bytes(text(attributes(command="make -k -j4"), span("make", 0, 5)))
    with serving(directory) as server:
        yield Browser(server)


def test_a_blank_name_is_something_to_click(unnamed: Browser) -> None:
    traces = unnamed.open("/traces").text.split()
    assert traces.count("blank") == 1, "the id is the title"
    assert "(empty)" in traces
    assert "(no message)" in unnamed.open("/logs").text
    assert "(no message)" in unnamed.open("/overview/logs").text
    assert "(no name)" in unnamed.open("/charts", {"trace": "blank"}).text


def test_a_trace_is_called_by_its_name_else_by_its_command(unnamed: Browser) -> None:
    listed = unnamed.open("/traces").text
    assert ("fixedbuild" in listed, "ninja all" in listed, "make -k -j4" in listed) == (True, False, True)
    for trace, title in (("named", "fixedbuild"), ("built", "make -k -j4"), ("blank", "blank")):
        assert f"{title} · tracerd" in unnamed.open(f"/traces/{trace}").text


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("make*", ["built"]), ("fixed*", ["named"]), ("ninja*", []), ("bla??", ["blank"])],
)
def test_the_filter_finds_traces_by_what_the_list_shows(unnamed: Browser, pattern: str, found: list[str]) -> None:
    [label] = {has["name"] for has in unnamed.open("/traces").of("input", placeholder="make*")}
    links = unnamed.open("/traces", {str(label): pattern}).links
    assert [link for link in links if link.startswith("/traces/")] == [f"/traces/{one}" for one in found]
