"""The Generate page in a browser: every control, its address, downloads, both themes."""

import csv
import io
import re
import time

import numpy as np
import pytest
from PIL import Image

from tests.support.browser_pages import assert_healthy, content, press, tiles
from tests.support.browsing import settle

PAGE = "generate?data=Digits"


def choose(page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=re.compile(label)).click()
    page.get_by_role("option", name=option, exact=True).click()
    settle(page)


@pytest.mark.parametrize("scheme, width", [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize("part", ["Samples", "Priors compared", "Random walk"])
def test_every_part_opens_from_its_address(open_page, part, scheme, width):
    page = open_page(f"{PAGE}&generate-part={part.replace(' ', '+')}", width=width, scheme=scheme)
    assert page.get_by_role("radio", name=part).get_attribute("aria-checked") == "true"
    assert_healthy(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_control_changes_the_samples_and_the_address(open_page):
    page = open_page(PAGE)
    seen = [tiles(page)]

    def changed(key: str) -> None:
        page.wait_for_function(f"new URL(location).searchParams.has('generate-{key}')")
        deadline = time.monotonic() + 30  # the address changes before the pictures
        while tiles(page) in seen and time.monotonic() < deadline:
            page.wait_for_timeout(100)
        assert tiles(page) not in seen, key
        seen.append(tiles(page))

    press(page, "Gaussians", "ArrowLeft", 5)
    changed("components")
    press(page, "Temperature", "ArrowLeft", 4)
    changed("temperature")
    choose(page, "Classes", "one prior each")
    changed("classes")
    page.get_by_role("spinbutton", name="Seed").fill("7")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    settle(page)
    changed("seed")
    choose(page, "Prior", "kNN jitter")
    changed("prior")
    press(page, "Neighbors", "ArrowRight", 5)
    changed("neighbors")
    assert_healthy(page)
    last = tiles(page)
    page.reload()
    settle(page)
    assert tiles(page) == last, "the address is the view"


def test_the_number_of_samples_shown_is_a_choice(open_page):
    page = open_page(PAGE)
    assert page.locator(".cv-tile").count() == 2 * 24
    press(page, "Samples shown", "ArrowLeft", 2)
    page.wait_for_function("document.querySelectorAll('.cv-tile').length === 16")


def test_samples_and_their_codes_can_be_kept(open_page):
    page = open_page(PAGE)
    picture = np.asarray(Image.open(io.BytesIO(content(page, "Samples (PNG)"))))
    assert picture.shape == (3 * 130 + 2, 8 * 130 + 2, 3)
    rows = list(csv.reader(io.StringIO(content(page, "Codes (CSV)").decode())))
    assert rows[0] == ["of", "number", *[f"z{n}" for n in range(8)]] and len(rows) == 2_001


def test_priors_are_compared_in_a_table_that_can_be_kept(open_page):
    page = open_page(f"{PAGE}&generate-part=Priors+compared")
    text = page.locator("[data-testid=stMarkdownContainer]").all_inner_texts()
    assert any("covers" in each and "PCA + Gaussian" in each for each in text)
    rows = list(csv.DictReader(io.StringIO(content(page, "Table (CSV)").decode())))
    assert [row["prior"] for row in rows][-3:] == ["pca_gaussian", "pca_gmm", "training_images"]
    assert all(0 <= float(row["coverage"]) <= 1 for row in rows)


def test_a_random_walk_is_a_film_and_its_codes(open_page):
    page = open_page(f"{PAGE}&generate-part=Random+walk&generate-steps=6")
    film = Image.open(io.BytesIO(content(page, "GIF")))
    assert film.format == "GIF" and film.n_frames == 36
    frames = []
    for number in range(film.n_frames):
        film.seek(number)
        frames.append(np.asarray(film.convert("RGB"), float))
    assert np.abs(np.diff(frames, axis=0)).mean() > 0, "it moves"
    rows = list(csv.reader(io.StringIO(content(page, "Codes (CSV)").decode())))
    assert len(rows) == 1 + 6 * 36
    shown = page.locator("[data-testid=stImage] img")
    assert shown.evaluate("image => image.naturalWidth") == film.width


def test_a_prior_that_the_model_lacks_is_not_offered_and_gives_way_to_the_default(open_page):
    page = open_page(f"{PAGE}&generate-prior=VAE,+N(0,+I)")
    page.locator(".cv-tile").nth(2 * 24 - 1).wait_for()
    assert page.locator('[data-testid="stAlertContainer"] [data-testid*="Error"]').count() == 0
    page.get_by_role("combobox", name="Prior").click()
    offered = page.get_by_role("option").all_inner_texts()
    assert "Gaussian mixture" in offered and "VAE, N(0, I)" not in offered
