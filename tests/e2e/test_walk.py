"""A visitor's walk through the app, in a browser."""

import numpy as np
import pytest

from tests.support.browser_pages import assert_healthy, chosen, pixels
from tests.support.browsing import PAGES, settle


@pytest.mark.parametrize("name", PAGES)
def test_page_is_drawn_without_error_and_without_sideways_scrolling(open_page, name):
    page = open_page(name, width=390)
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        assert_healthy(page)
        cut = page.evaluate(
            """() => [...document.querySelectorAll('.cv-rows, h1')]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className)"""
        )
        assert cut == [], f"cut off at {width} pixels"


def test_first_screen_shows_an_image_its_code_and_what_comes_back(open_page):
    page = open_page()
    page.wait_for_selector(".editor[data-psnr]")
    for picture in page.locator(".editor canvas, .editor .grid").all():
        box = picture.bounding_box()
        assert box["y"] + box["height"] < 900, "below the first screen"
        assert pixels(picture).std() > 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_follows_the_colors_of_the_system(open_page, scheme):
    page = open_page("train", scheme=scheme)
    brightness = np.median(pixels(page.locator('[data-testid="stMain"]')))
    assert brightness > 200 if scheme == "light" else brightness < 60


def test_click_on_a_thumbnail_changes_the_picture(open_page):
    page = open_page()
    page.wait_for_selector(".editor[data-psnr]")
    before = page.locator(".editor").get_attribute("data-psnr")
    page.locator('[class*="st-key-thumbs"] button').nth(4).click()
    page.locator(f'.editor:not([data-psnr="{before}"])').wait_for()
    assert_healthy(page)


def test_pixels_are_enlarged_without_smoothing(open_page):
    page = open_page("reconstruct")
    tile = page.locator(".cv-tile").first
    assert tile.bounding_box()["width"] == 96
    inside = pixels(tile)[6:-6, 6:-6].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) <= 32 * 32, "smoothing makes new colors"


def choose(page, key: str, option: str) -> None:
    page.locator(f".st-key-{key} [role=combobox], .st-key-{key} input").first.click()
    page.get_by_role("option", name=option, exact=True).click()
    page.wait_for_url(f"**{key}={option}**", wait_until="commit")
    settle(page)


def test_choice_survives_a_change_of_page_and_a_reload(open_page):
    page = open_page("reconstruct")
    choose(page, "data", "Digits")
    page.get_by_role("link", name="Overview").click()
    page.wait_for_selector(".editor")
    page.wait_for_url("**data=Digits**", wait_until="commit")
    page.reload()
    settle(page)
    assert "data=Digits" in page.url
    assert "Digits" in chosen(page, "data")
    assert_healthy(page)


def test_address_says_what_is_shown(open_page):
    page = open_page("reconstruct?data=Digits&reconstruct-count=5")
    assert page.locator(".cv-tile").count() == 15
    assert "Digits" in chosen(page, "data")
    page.get_by_role("link", name="Overview").click()
    page.wait_for_selector(".editor")
    settle(page)
    assert "Digits" in chosen(page, "data"), "what came with the address was forgotten"


def test_a_model_is_trained_to_its_end_and_chosen_to_reconstruct(open_page):
    page = open_page("train")
    for closed in page.locator('[data-testid="stExpander"] summary').all():
        closed.click()
    for name, value in {"epochs": 2, "latent_dim": 8, "base_channels": 8, "limit": 300}.items():
        field = page.locator(f".st-key-train-{name} input")
        field.fill(str(value))
        field.press("Tab")
    page.locator(".st-key-train-start button").click()
    page.locator(".st-key-train-stop").wait_for(timeout=60_000)
    page.locator(".st-key-train-headline").get_by_text("Done").wait_for(timeout=120_000)
    assert_healthy(page)
    page.get_by_role("link", name="Reconstruct").first.click()
    page.wait_for_selector(".cv-tile")
    settle(page)
    assert "tiny" not in chosen(page, "model")
    assert pixels(page.locator(".cv-tile").first).std() > 5
    assert_healthy(page)
