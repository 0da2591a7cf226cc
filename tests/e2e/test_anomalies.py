"""What only a browser can tell of the Anomalies page."""

import pytest

from tests.e2e.conftest import settle


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
        page.get_by_role("combobox", name=label, exact=True).click()
        page.get_by_role("option", name=option, exact=True).click()
        settle(page)

    choose("Normal: class of Digits", "3")
    page.wait_for_url("**anomalies-normal-digits=3*", wait_until="commit")
    choose("Suspects", "Shapes")
    page.get_by_role("combobox", name="Classes of the suspects").click()
    page.get_by_role("option", name="star", exact=True).click()
    page.keyboard.press("Escape")
    settle(page)
    page.wait_for_url("**anomalies-classes-shapes=star*", wait_until="commit")
    page.get_by_role("radio", name="500").first.click()
    page.wait_for_url("**anomalies-limit=500*", wait_until="commit")
    settle(page)
    page.get_by_role("radio", name="2000").click()
    page.wait_for_url("**anomalies-fit=2000*", wait_until="commit")
    settle(page)
    choose("Score", "PNG bytes")
    page.get_by_role("slider", name="Threshold (percentile of normal images)").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    page.wait_for_url("**anomalies-percentile=90*", wait_until="commit")
    settle(page)
    page.get_by_role("radio", name="Most normal images").click()
    page.wait_for_url("**anomalies-gallery=Most*", wait_until="commit")
    settle(page)
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
