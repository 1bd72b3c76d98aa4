"""A build: what the API gives of it, and its page."""

import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.builds.traces import Trace
from tests.web.browsing import Browser
from tests.web.conftest import attributes, clock, log, text
from tests.web.servers import Server, serving


def build_log() -> bytes:
    """A make that compiles two files at once, and cannot link them."""
    trace = Trace()
    make = trace.step("make -j2", 0, 1_000_000, exit_code=2)
    trace.step("cc -c a.c -o a.o", 10_000, 500_000, cwd="/src")
    trace.step("cc -c b.c -o b.o", 20_000, 400_000, cwd="/src")
    trace.step("ld -o prog a.o b.o -lnone", 600_000, 900_000, exit_code=1, cwd="/src", parent=make)
    about = attributes(command="make -j2", exit_code=2, begun_by="exec")
    return trace.block + text(about, log("all targets", 5))


def command_log(command: str, exit_code: int) -> bytes:
    """A command alone, which began a second ago."""
    trace = Trace()
    trace.step(command, 0, 2_000_000, exit_code=exit_code)
    start = clock(time.time_ns() // 1000 - 10**6)
    return text(start) + trace.block + text(attributes(command=command, exit_code=exit_code, begun_by="exec"))


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """A server over a build."""
    directory: Path = tmp_path_factory.mktemp("builds") / "logs"
    directory.mkdir(mode=0o700)
    (directory / "m.jsonl").write_bytes(build_log())
    (directory / "good.jsonl").write_bytes(command_log("make -j2", 0))
    with serving(directory) as running:
        yield running


def test_a_build_is_what_summary_and_show_print(builds: Server) -> None:
    build = builds.get("/api/public/traces/m/build")

    assert (build["name"], build["exit_code"], build["steps"]) == ("make", 2, 4)
    assert [step["cmd"] for step in build["failed"]] == ["ld -o prog a.o b.o -lnone"]
    assert [step["name"] for step in build["critical"]] == ["cc a.o", "ld prog"]
    assert [(step["name"], step["depth"], step["exit_code"]) for step in build["tree"]] == [
        ("make", 0, 2),
        ("cc a.o", 1, 0),
        ("cc b.o", 1, 0),
        ("ld prog", 1, 1),
    ]


def test_what_is_no_build_is_not_found(server: Server) -> None:
    for trace, message in (("a", "no process that exec has recorded"), ("nope", "there is no trace")):
        reply = server.ask(f"/api/public/traces/{trace}/build")
        assert (reply.status, reply.json()["code"]) == (404, "NOT_FOUND")
        assert message in reply.json()["message"]


def test_the_failed_command_is_two_clicks_from_the_first_page(builds: Server) -> None:
    browser = Browser(builds)
    first = browser.open("/")
    trace = browser.open("/traces/m")
    build = browser.open("/traces/m/build")

    assert "/traces/m" in first.links
    assert [has["data-fragment"] for has in trace.of("section", id="build")] == ["/traces/m/build"]
    assert build.links.count("/traces/m?span=103%3A600000") == 2, "once as what failed, once on the critical path"
    assert "ld -o prog a.o b.o -lnone" in build.text
    rects = [has for has in build.of("rect") if "data-span" in has]
    assert sorted((str(has["data-span"]), str(has["y"])) for has in rects) == [
        ("101:10000", "1"),
        ("102:20000", "17"),
        ("103:600000", "1"),
    ]


def test_of_one_command_nothing_is_said_of_several(builds: Server) -> None:
    page = Browser(builds).open("/traces/good/build")

    assert "The command" in page.text
    assert not {"The build", "What ran at once", "parallel", "again"} & {*map(str.strip, page.text.splitlines())}
    assert "ended well" in page.text


def test_a_build_that_failed_is_not_called_faster(builds: Server) -> None:
    page = Browser(builds).reply("/compare", {"a": "good", "b": "m"}).body.decode()

    assert 'badge bad">exit 2<' in page
    assert 'badge level">-50%<' in page


def test_a_program_of_a_build_is_no_service(builds: Server) -> None:
    assert builds.get("/api/services") == {"data": []}


def test_perfetto_has_an_origin_of_its_own(builds: Server) -> None:
    browser = Browser(builds)
    reply = browser.reply("/traces/m/perfetto", method="POST")
    where = reply.headers["Location"]

    assert reply.status == 303
    assert where.startswith("http://127.0.0.1:")
    assert f":{builds.port}/" not in where
    assert "m.json" in where
    assert browser.reply("/traces/m/perfetto").status == 405
    assert browser.reply("/traces/nope/perfetto", method="POST").status == 404
