"""The pages of logs, metrics, alerts and comparison, as a program sees them: what they say and where they lead."""

import json
import re
from collections.abc import Generator
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner

from tests.web.browsing import Browser, Elements
from tests.web.servers import Server, serving
from tests.web.views import ALL, HOSTILE, write
from tracerd.cli.diff import diff
from tracerd.web.pages.alerts import episodes_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    with serving(write(tmp_path_factory.mktemp("views") / "logs")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(server: Server) -> Browser:
    return Browser(server)


def query_of(link: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(link).query)


def leading_to(page: Elements, path: str) -> list[list[tuple[str, str]]]:
    """The parameters of all links to a page."""
    return [query_of(link) for link in page.links if urlsplit(link).path == path]


# ---------------------------------------------------------------- logs


def test_logs_are_found_by_text_level_service_and_trace(browser: Browser) -> None:
    found = browser.open("/logs", {"q": "refused", "level": "warning", "service": "payments", "trace": "shop"})

    assert "45 log events" in found.text
    assert "minute 3" not in found.text
    assert [has["value"] for has in found.of("input", name="q")] == ["refused"]
    assert [has["value"] for has in found.of("input", name="service")] == ["payments"]
    assert [has["value"] for has in found.of("option") if "selected" in has] == ["warning"]


def test_older_logs_are_a_link_away_and_keep_the_filters(browser: Browser) -> None:
    first = browser.open("/logs", {"trace": "shop", "limit": "20"})
    [older] = [str(has["href"]) for has in first.of("a", rel="next")]
    second = browser.open(older)

    assert {*query_of(older)} > {("trace", "shop"), ("limit", "20")}
    assert ("minute 29" in first.text, "minute 29" in second.text) == (True, False)
    assert ("minute 9" in first.text, "minute 9" in second.text) == (False, True)
    assert [("trace", "shop"), ("limit", "20")] in leading_to(second, "/logs"), "back to the newest"


def test_a_service_and_a_trace_of_the_list_are_filters(browser: Browser) -> None:
    links = leading_to(browser.open("/logs", {"q": "minute 2"}), "/logs")

    assert [("q", "minute 2"), ("service", "shop")] in links
    assert [("q", "minute 2"), ("trace", "shop")] in links


def test_a_traceback_keeps_its_lines_and_its_end(browser: Browser) -> None:
    page = browser.reply("/logs", {"q": "minute 7"}).body.decode()
    shown = page.partition('<pre class="text" tabindex="0" aria-label="traceback">')[2].partition("</pre>")[0]

    assert shown.startswith("\N{HORIZONTAL ELLIPSIS} ")
    assert shown.endswith("  in pay\n\\x1bBankError: &lt;b&gt;closed")
    assert 4000 < len(shown) < 4100
    assert "<bdi>traceback</bdi>=" not in page, "not among the short fields, too"
    assert "<bdi>user</bdi>=<bdi>u7</bdi>" in page


# ---------------------------------------------------------------- metrics


def test_the_values_of_a_chart_are_those_of_the_api(server: Server, browser: Browser) -> None:
    page = browser.open("/charts", {"name": "queue", "agg": "max", "step": "1m", "from": ALL, "label": "host=a"})
    [chart] = page.of("div", id="chart")
    [api] = [link for link in page.links if link.startswith("/api/")]
    [series] = server.get(api)["data"]

    assert series["labels"] == {"host": "a", "zone": "eu"}
    assert json.loads(str(chart["data-values"])) == [[one["value"] for one in series["values"]]]
    assert len(json.loads(str(chart["data-times"]))) == 30


def test_without_a_metric_there_is_a_list_of_them(browser: Browser) -> None:
    page = browser.open("/charts", {"trace": "shop"})

    assert leading_to(page, "/charts")[-2:] == [
        [("trace", "shop"), ("name", "queue")],
        [("trace", "shop"), ("name", "request_ms")],
    ]


def test_without_a_time_it_is_a_day(browser: Browser) -> None:
    page = browser.open("/charts")

    assert [has["value"] for has in page.of("input", name="from")] == ["-1d"]
    assert "no metrics in this time" in page.text
    assert [("from", ALL)] in leading_to(page, "/charts")


def test_labels_with_too_many_values_are_named_with_a_way_out(browser: Browser) -> None:
    page = browser.open("/charts", {"name": "request_ms", "from": ALL})
    links = leading_to(page, "/charts")

    assert "The label request has more than 50 values" in " ".join(page.text.split())
    for by in ("route", "*"):
        assert [("name", "request_ms"), ("from", ALL), ("by", by)] in links
        fewer = browser.open("/charts", {"name": "request_ms", "from": ALL, "by": by})
        [chart] = fewer.of("div", id="chart")
        assert len(json.loads(str(chart["data-values"]))) == 1
        assert "Too many" not in fewer.text


def test_a_label_without_a_value_is_explained(browser: Browser) -> None:
    reply = browser.reply("/charts", {"name": "queue", "label": "host"})

    assert reply.status == 400
    assert b"label: expected KEY=VALUE" in reply.body


# ---------------------------------------------------------------- alerts


def test_an_alert_is_shown_with_its_history(browser: Browser) -> None:
    page = browser.open("/alerts", {"trace": "shop"})
    active, _, over = page.text.partition("History")

    assert "No alert is active" in active
    assert "error_spike" in over
    assert "payments" in over
    assert "resolved" in over
    assert "First reported" in over, "the window's end, not when its cause began"
    assert "Began" not in page.text


def alert(time: str, state: str, severity: str = "medium", trace: str = "t", **more: str) -> dict[str, object]:
    return {
        "time": time, "trace_id": trace, "rule": "r", "key": {}, "state": state, "severity": severity,
        "message": f"{severity} {state}", **more,
    }  # fmt: skip


def test_reports_of_one_alert_are_one_episode() -> None:
    found = episodes_of(
        [
            alert("2026-01-01T00:01:00Z", "firing"),
            alert("2026-01-01T00:02:00Z", "escalated", "critical"),
            alert("2026-01-01T00:09:00Z", "reminder", "critical"),
            alert("2026-01-01T00:11:00Z", "resolved", "critical"),
            alert("2026-01-01T00:20:00Z", "firing"),
            alert("2026-01-01T00:05:00Z", "resolved", trace="u", since="2026-01-01T00:00:00Z"),
            alert("2026-01-01T00:00:30Z", "firing", "critical", trace="v"),
        ]
    )

    assert [(one["trace_id"], one["severity"], one["ended"] is None, one["lasted"]) for one in found] == [
        ("v", "critical", True, None),
        ("t", "medium", True, None),
        ("t", "critical", False, "10 min"),
        ("u", "medium", False, "5 min"),
    ]
    assert found[2]["message"] == "critical escalated"


# ---------------------------------------------------------------- comparison


def test_two_traces_are_compared_as_diff_does(server: Server, browser: Browser) -> None:
    page = browser.open("/compare", {"a": "before", "b": "after"})
    [api] = [link for link in page.links if link.startswith("/api/")]
    printed = CliRunner().invoke(diff, ["before", "after", "-d", str(server.directory), "--json"]).stdout
    expected = json.loads(printed)
    del expected["fail_over"], expected["over"]

    assert server.get(api) == expected
    names = re.findall(r"\b(compile|link|old|new)", page.text.partition("What differs most")[2])
    assert [*dict.fromkeys(names)] == ["compile", "link", "old", "new"], "what differs most comes first"
    assert "+50%" in page.text
    assert "+1.00 s" in page.text
    assert [("a", "after"), ("b", "before")] in leading_to(page, "/compare")


def test_of_one_trace_those_that_are_called_the_same_come_first(browser: Browser) -> None:
    page = browser.open("/compare", {"b": "after"})

    assert leading_to(page, "/compare")[-3:] == [[("b", "after"), ("a", one)] for one in ("before", "hostile", "shop")]


def test_a_trace_leads_to_its_views(browser: Browser) -> None:
    links = browser.open("/traces/shop").links

    assert {"/logs?trace=shop", "/charts?trace=shop", "/alerts?trace=shop", "/compare?b=shop"} < {*links}


def test_a_trace_that_is_not_there_is_explained(browser: Browser) -> None:
    reply = browser.reply("/compare", {"a": "before", "b": "nope"})

    assert reply.status == 404
    assert "there is no trace" in reply.body.decode()


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize(
    "path",
    [
        "/logs?trace=hostile",
        "/charts?trace=hostile",
        *(f"/charts?trace=hostile&by=%2A&name={number}" for number in range(len(HOSTILE))),
        f"/alerts?from={ALL}",
        "/compare?a=hostile&b=before",
    ],
)
def test_nothing_in_a_log_becomes_a_part_of_a_page(browser: Browser, path: str) -> None:
    where, _, query = path.partition("?")
    given = dict(parse_qsl(query))
    if "name" in given:
        given["name"] = HOSTILE[int(given["name"])]
    page = browser.open(where, given)

    assert not {tag for tag, _ in page.found} & {"style", "object", "iframe", "base"}
    assert not [has for tag, has in page.found if tag == "script" and not str(has.get("src")).startswith("/static/")]
    assert not [name for _, has in page.found for name in has if name.startswith("on") or name == "style"]
    assert not {"\u202e", "\x1b", "\u200f"} & {*page.text}
