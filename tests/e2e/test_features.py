"""The Features page in a browser: every control, its address, downloads, both themes."""

import csv
import io

import pytest
from PIL import Image

from tests.support.browser_pages import assert_healthy, content, press, tiles
from tests.support.browsing import settle

PAGE = "features?data=Digits"
PARTS = ("Accuracy", "Fewer labels", "Confusion", "Dimensions", "Neighbors")


def part(name: str) -> str:
    return f"{PAGE}&features-part={name.replace(' ', '+')}"


def drawn(page) -> str:
    """The figure of the page as plotly has drawn it."""
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    return page.locator(".js-plotly-plot").first.evaluate(
        "plot => JSON.stringify(plot.data.map(trace => [trace.name, trace.y, trace.z]))"
    )


@pytest.mark.parametrize("scheme, width", [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize("name", PARTS)
def test_every_part_opens_from_its_address(open_page, name, scheme, width):
    page = open_page(part(name), width=width, scheme=scheme)
    assert page.get_by_role("radio", name=name).get_attribute("aria-checked") == "true"
    page.locator(".cv-tile" if name == "Neighbors" else ".js-plotly-plot").first.wait_for()
    assert_healthy(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_winner_is_named_and_the_table_can_be_kept(open_page):
    page = open_page(PAGE)
    text = " ".join(page.locator("[data-testid=stMarkdownContainer]").all_inner_texts())
    assert "Linear probe: " in text and "K nearest neighbors: " in text
    rows = list(csv.DictReader(io.StringIO(content(page, "Table (CSV)").decode())))
    assert [row["Features"] for row in rows][-1] == "raw pixels"
    best = max(float(row["Linear probe (%)"]) for row in rows)
    assert f"{best:.1f}%" in text


def test_fewer_training_images_are_another_table_and_stay_in_the_address(open_page):
    page = open_page(PAGE)
    before = drawn(page)
    press(page, "Training images", "ArrowLeft", 2)
    page.wait_for_url("**features-count=1%2C000**", wait_until="commit")
    assert drawn(page) != before
    page.reload()
    settle(page)
    assert page.get_by_text("1,000 labeled training images").first.is_visible()


def test_space_and_classifier_change_the_confusion(open_page):
    page = open_page(part("Confusion"))
    seen = [drawn(page)]
    for name in ("pixels", "k nearest neighbors"):
        page.get_by_role("radio", name=name, exact=True).click()
        page.wait_for_timeout(500)
        settle(page)
        assert drawn(page) not in seen, name
        seen.append(drawn(page))
    assert "features-space=pixels" in page.url and "features-probe=k" in page.url


def test_another_image_has_other_neighbors_to_keep(open_page):
    page = open_page(part("Neighbors"))
    before = tiles(page)
    page.locator('[class*="st-key-thumbs"] button').nth(7).click()
    page.wait_for_timeout(500)
    settle(page)
    assert tiles(page) != before
    assert page.locator(".cv-tile").count() == 4 * 8
    picture = Image.open(io.BytesIO(content(page, "Neighbors (PNG)")))
    assert picture.size == (8 * 130 + 2, 4 * 130 + 2)


@pytest.mark.parametrize(
    ("name", "button"),
    [
        ("Fewer labels", "Curves (CSV)"),
        ("Confusion", "Counts (CSV)"),
        ("Dimensions", "Variances (CSV)"),
    ],
)
def test_figures_can_be_kept_as_numbers(open_page, name, button):
    page = open_page(part(name))
    rows = list(csv.DictReader(io.StringIO(content(page, button).decode())))
    assert len(rows) >= 8
