"""What only a browser can tell of the Denoise page."""

import pytest

from tests.support.browsing import settle


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 390)])
def test_the_first_view_shows_a_result(open_page, scheme, width):
    page = open_page("denoise?data=Digits&denoise-count=4", width=width, scheme=scheme)
    page.locator(".cv-rows").first.wait_for()
    page.get_by_text("restores the measured images best").wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_control_changes_the_address_and_a_reload_shows_the_same(open_page):
    quick = "denoise-methods=PCA+%2B+Wiener&denoise-methods=Median"
    page = open_page(f"denoise?data=Digits&denoise-count=2&{quick}")
    page.get_by_role("radio", name="100 images").click()
    page.wait_for_url("**denoise-measured=100*", wait_until="commit")
    settle(page)
    page.get_by_text("Error maps").click()
    page.wait_for_url("**denoise-errors=true*", wait_until="commit")
    settle(page)
    slider = page.get_by_role("slider", name="Strength (8-bit units)")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_url("**denoise-strength-gaussian=30*", wait_until="commit")
    settle(page)
    page.get_by_label("Seed", exact=True).fill("7")
    page.keyboard.press("Enter")
    page.wait_for_url("**denoise-seed=7*", wait_until="commit")
    settle(page)
    page.get_by_role("button", name="Remove PCA + Wiener").click()
    page.wait_for_url(lambda url: "Wiener" not in url, wait_until="commit")
    settle(page)
    page.reload()
    settle(page)
    tiles = page.locator(".cv-tile")
    labels = {tiles.nth(n).get_attribute("aria-label") for n in range(tiles.count())}
    assert any(label.startswith("Error, Median, image ") for label in labels)
    assert not any("PCA + Wiener" in label for label in labels)
    assert page.get_by_text("--strength 30 --limit 100").count() == 1
    assert page.get_by_label("Seed", exact=True).input_value() == "7"


def test_another_corruption_has_a_strength_of_its_own(open_page):
    page = open_page("denoise?data=Digits&denoise-count=2")
    page.get_by_role("combobox", name="Corruption").click()
    page.get_by_role("option", name="JPEG artifacts").click()
    page.get_by_text("Strength (100 - quality)").wait_for()
    settle(page)
    assert "denoise-corruption=JPEG" in page.url
    assert page.locator('[data-testid="stException"]').count() == 0


FILES = {
    "Images (PNG)": "denoise.png",
    "Numbers (CSV)": "denoise.csv",
    "Table (CSV)": "denoise-table.csv",
    "Curve (CSV)": "denoise-curve.csv",
}


@pytest.mark.parametrize("label", FILES)
def test_results_can_be_downloaded(open_page, label):
    page = open_page("denoise?data=Digits&denoise-count=2")
    with page.expect_download() as download:
        page.get_by_role("button", name=label).click()
    assert download.value.suggested_filename == FILES[label]
