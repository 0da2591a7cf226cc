"""What only a browser can tell of the Anomalies page."""

import pytest

from tests.support.browsing import settle


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 390)])
def test_the_first_view_shows_a_pair(open_page, scheme, width):
    page = open_page("anomalies?data=Digits", width=width, scheme=scheme)
    page.get_by_text("AUROC").first.wait_for()
    page.locator(".js-plotly-plot").nth(2).wait_for()
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_control_changes_the_address_and_a_reload_shows_the_same(open_page):
    page = open_page("anomalies?data=Digits")

    def choose(label, option):
        box = page.get_by_role("combobox", name=label, exact=True)
        box.scroll_into_view_if_needed()  # a page that scrolls closes the list again
        box.click()
        page.get_by_role("option", name=option, exact=True).click()

    def drawn(words):
        """The page says so: the script has begun anew, and then ends."""
        page.get_by_text(words).wait_for()
        settle(page)

    choose("Normal: class of Digits", "3")
    drawn("--normal digits:3")
    choose("Suspects", "Shapes")
    drawn("--suspects shapes")
    choose("Classes of the suspects", "star")
    drawn("--suspects shapes:star")
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="500").first.click()
    drawn("--limit 500")
    page.get_by_role("radio", name="2000").click()
    drawn("--fit-limit 2000")
    choose("Score", "PNG bytes")
    page.locator(".xtitle", has_text="PNG bytes").wait_for()
    settle(page)
    page.get_by_role("slider", name="Threshold (percentile of normal images)").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    page.wait_for_url("**anomalies-percentile=90*", wait_until="commit")
    settle(page)
    page.get_by_role("radio", name="Most normal images").click()
    page.wait_for_url("**anomalies-gallery=Most*", wait_until="commit")
    settle(page)
    for choice in ("normal-digits=3", "classes-shapes=star", "limit=500", "fit=2000", "score=PNG"):
        assert f"anomalies-{choice}" in page.url
    page.reload()
    settle(page)
    command = "--normal digits:3 --suspects shapes:star --limit 500 --fit-limit 2000"
    assert page.get_by_text(command).count() == 1
    assert page.get_by_role("radio", name="Most normal images").get_attribute("aria-checked") == (
        "true"
    )
    assert page.locator('[data-testid="stException"]').count() == 0


FILES = {
    "Table (CSV)": "anomalies-table.csv",
    "Every image (CSV)": "anomalies.csv",
    "Gallery (PNG)": "anomalies.png",
}


@pytest.mark.parametrize("label", FILES)
def test_results_can_be_downloaded(open_page, label):
    page = open_page("anomalies?data=Digits&anomalies-gallery=Most+normal+images")
    with page.expect_download() as download:
        page.get_by_role("button", name=label).click()
    assert download.value.suggested_filename == FILES[label]
