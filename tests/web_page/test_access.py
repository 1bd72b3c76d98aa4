"""Who uses a keyboard, a reader of screens, or needs contrast."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.web import views
from tests.web.servers import Server, serving
from tests.web.views import ALL
from tests.web_page.browser import Scheme, Visit, visiting
from tests.web_page.test_pages import PATHS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.tools, pytest.mark.timeout(600)]  # several pages in each, and axe looks at all of them

SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core, the package of npm."""
    for directory in os.environ.get("NODE_PATH", "").split(os.pathsep):
        if directory and (script := Path(directory, "axe-core/axe.min.js")).exists():
            return script.read_text()
    pytest.skip("axe-core is not in $NODE_PATH")


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (320, "light")])
def test_no_serious_finding(browser: "Browser", site: Server, axe: str, scheme: Scheme, width: int) -> None:
    with visiting(browser, site, width, scheme=scheme) as visit:
        assert serious_findings(visit, axe, [*PATHS[:-1], "/traces/api-2026?span=21"]) == {}


VIEWS = [
    f"/logs?from={ALL}", f"/charts?name=request_ms&from={ALL}", f"/charts?from={ALL}", f"/alerts?from={ALL}",
    "/compare?a=before&b=after", "/compare?b=after",
]  # fmt: skip
"""Pages that are empty, or short, over the logs of `site`."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 320])
def test_no_serious_finding_in_full_views(
    browser: "Browser", axe: str, scheme: Scheme, width: int, tmp_path: Path
) -> None:
    with serving(views.write(tmp_path / "logs")) as server, visiting(browser, server, width, scheme=scheme) as visit:
        assert serious_findings(visit, axe, VIEWS) == {}


def serious_findings(visit: Visit, axe: str, paths: list[str]) -> dict[str, list[Any]]:
    """What axe finds on each page, if that is anything."""
    found: dict[str, list[Any]] = {}
    for path in paths:
        visit.open(path)
        # By the debugger, which the policy of the pages does not bind.
        result = visit.page.evaluate(f"() => {{ {axe}; return axe.run(); }}")
        found[path] = [
            (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]])
            for one in result["violations"]
            if one["impact"] in SERIOUS
        ]
    return {path: violations for path, violations in found.items() if violations}


MOST_STOPS = 100
"""So many stops of the Tab key a page of these tests has at most."""

FOCUSABLE = """() => [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
    // Not as an attribute: a part that has another one than the server gives is replaced.
    .filter((e) => e.checkVisibility() && !e.disabled).map((e, at) => (e.stop = at))"""


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/traces?tags=ci",
        "/traces/build-0413",
        "/traces/api-2026?span=21",
        "/charts?name=requests.active",
        "/logs",
        "/alerts",
        "/compare?a=tests-0412&b=tests-0413",
        "/compare?b=tests-0413",
    ],
)
def test_the_keyboard_reaches_everything(browser: "Browser", site: Server, path: str) -> None:
    with visiting(browser, site) as visit:
        page = visit.page
        visit.open(path)
        page.get_by_role("button", name="Live").click()  # so that nothing is replaced meanwhile
        stops = page.evaluate(FOCUSABLE)
        page.evaluate("document.activeElement.blur()")
        reached: set[int] = set()
        for _ in range(len(stops) + 2):
            page.keyboard.press("Tab")
            reached.add(int(page.evaluate("document.activeElement.stop ?? -1")))
        assert {*stops} <= reached


def test_the_tree_is_used_by_keys(browser: "Browser", site: Server) -> None:
    with visiting(browser, site) as visit:
        page = visit.page
        visit.open("/traces/build-0413")
        tree = page.get_by_role("treegrid")
        for _ in range(MOST_STOPS):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.role") == "treegrid":
                break
        else:
            pytest.fail("Tab does not reach the tree")
        marked = page.locator(".row.marked")
        names = [marked.inner_text()]
        for key in ("ArrowDown", "End", "Home"):
            page.keyboard.press(key)
            names.append(marked.inner_text())
            assert tree.get_attribute("aria-activedescendant") == marked.get_attribute("id")
        assert len({*names}) == 3
        assert "make" in names[3]
        page.keyboard.press("ArrowLeft")
        assert marked.get_attribute("aria-expanded") == "false"
        assert page.locator(".row").count() == 1
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.locator("#detail").wait_for()
        assert "cc" in page.locator("#detail h3").inner_text()
        page.locator("#detail .close").focus()
        page.keyboard.press("Escape")
        assert page.locator("#detail").is_hidden()
        assert page.evaluate("document.activeElement.id") == "rows"
