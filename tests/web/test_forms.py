"""Parameters."""

import pytest

from tests.web.servers import Server
from tracerd.web import forms
from tracerd.web.answers import Refusal
from tracerd.web.forms import Parameter

PARAMETERS = (
    Parameter("page", "", minimum=1, maximum=1000, default="1"),
    Parameter("limit", "", minimum=1, maximum=200, default="50"),
    Parameter("tags", "", is_repeatable=True),
    Parameter("orderBy", "", choices=("id.asc", "id.desc"), default="id.asc"),
    Parameter("name", ""),
    Parameter("from", "", is_time=True),
    Parameter("to", "", is_time=True),
)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (b"pag=1", "unknown parameter 'pag'; did you mean \"page\"?"),
        (b"page=0", "page: expected a number from 1 to 1000, not '0'"),
        (b"page=1001", "page: expected a number from 1 to 1000, not '1001'"),
        (b"page=-1", "page: expected a number from 1 to 1000, not '-1'"),
        (b"page=", "page: expected a number from 1 to 1000, not ''"),
        (b"page=1.0", "page: expected a number from 1 to 1000, not '1.0'"),
        (b"page=%D9%A1", "page: expected a number from 1 to 1000, not '\u0661'"),
        (b"page=" + b"9" * 5000, "page: expected a number"),
        (b"page=1&page=1", "page: given more than once"),
        (b"page[]=1", "unknown parameter 'page[]'"),
        (b"limit=201", "limit: expected a number from 1 to 200, not '201'"),
        (b"orderBy=size.asc", "orderBy: expected one of id.asc, id.desc, not 'size.asc'"),
        (b"from=yesterday", "from: expected a time such as 2026-11-26T21:24:00Z, or -5m for five minutes ago"),
        (b"from=12", "from: expected a time such as"),
        (b"from=2026-02-30T00:00:00Z", "from: expected a time such as"),
        (b"name=%ff", "a parameter is not UTF-8"),
        (b"%ff=1", "a parameter is not UTF-8"),
        (b"name=%00", "a parameter holds a NUL"),
        (b"tags=a&" * 201, "more than 200 parameters"),
    ],
)
def test_what_is_refused(query: bytes, message: str) -> None:
    with pytest.raises(Refusal) as refused:
        forms.read(PARAMETERS, query)

    assert refused.value.code == "BAD_REQUEST"
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("query", "tags"),
    [
        (b"", []),
        (b"tags=a", ["a"]),
        (b"tags=a&tags=b", ["a", "b"]),
        (b"tags[]=a", ["a"]),
        (b"tags%5B%5D=a+b&tags=%C3%A4", ["a b", "\u00e4"]),
        (b"tags=", [""]),
    ],
)
def test_a_parameter_may_be_repeated(query: bytes, tags: list[str]) -> None:
    assert forms.read(PARAMETERS, query).texts("tags") == tags


def test_defaults_and_numbers() -> None:
    values = forms.read(PARAMETERS, b"limit=7&&name=x")

    assert (values.number("page"), values.number("limit"), values.text("name")) == (1, 7, "x")
    assert values.text("orderBy") == "id.asc"
    assert values.window("from", "to") is None


def test_what_must_be_given() -> None:
    with pytest.raises(Refusal, match="name: missing"):
        forms.read([Parameter("name", "", is_required=True)], b"")


def test_a_window_of_time() -> None:
    window = forms.read(PARAMETERS, b"from=1970-01-01T00:00:01Z&to=1970-01-01T00:00:02.5%2B00:00").window("from", "to")

    assert window is not None
    assert (window.column, window.start, window.end) == ("time", 1e6, 2.5e6)
    with pytest.raises(Refusal, match="from is later than to"):
        forms.read(PARAMETERS, b"from=1970-01-01T00:00:03Z&to=1970-01-01T00:00:02Z").window("from", "to")


@pytest.mark.parametrize(
    "target",
    [
        "/api/public/traces?page=0",
        "/api/public/traces?limit=501",
        "/api/public/traces?orderBy=size.desc",
        "/api/public/traces?fields=id,size",
        "/api/public/traces?where=%22",
        "/api/public/traces?where=" + "(" * 5000,
        "/api/public/traces?nope=1",
        "/api/public/traces/a?limit=0",
        "/api/public/traces/a?cursor=x",
        "/api/public/traces/a?cursor=e_1",
        "/api/public/metrics/query",
        "/api/public/metrics/query?name=cpu&labels=1",
        "/api/public/metrics/query?name=cpu&step=7s",
        "/api/logs?level=loud",
        "/api/logs?cursor=a",
        "/api/stream?trace=../a",
        "/api/stream?where=nope",
        "/api/logs?q=%ff",
    ],
)
def test_routes_refuse_with_a_message_and_a_code(server: Server, target: str) -> None:
    reply = server.ask(target)

    assert (reply.status, reply.json()["code"]) == (400, "BAD_REQUEST")
    assert sorted(reply.json()) == ["code", "message"]
