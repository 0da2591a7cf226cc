"""Every page without serious findings of axe-core, in both themes: contrast, names, roles."""

from pathlib import Path

import axe_playwright_python
import pytest

from tests.support.browsing import PAGES

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")


def findings(page) -> list[str]:
    """What axe-core reports of the page as it is now, one line for each element."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['impact']} {rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in result["violations"]
        for node in rule["nodes"]
        if rule["impact"] in ("serious", "critical")
    ]


def test_the_check_reports_a_picture_without_a_name(open_page):
    page = open_page()
    page.evaluate("document.body.append(document.createElement('img'))")
    assert any("image-alt" in line for line in findings(page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES, ids=lambda name: name or "overview")
def test_a_page_has_no_serious_accessibility_findings(open_page, name, scheme):
    page = open_page(name, scheme=scheme)
    page.wait_for_timeout(1_500)  # fades have ended: a color in between would be measured
    assert findings(page) == []
