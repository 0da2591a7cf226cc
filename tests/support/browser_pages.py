"""What browser tests read from a page and do on it."""

import io

import numpy as np
from PIL import Image

from tests.support.browsing import settle


def assert_healthy(page) -> None:
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def pixels(locator) -> np.ndarray:
    """What a reader sees of an element, uint8 (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB"))


def chosen(page, key: str) -> str:
    return page.locator(f".st-key-{key} input").first.input_value()


def tiles(page) -> str:
    """The sheet of images that the page shows: its style rule, one for each picture."""
    return page.locator(".cv-tile").first.evaluate("tile => getComputedStyle(tile).backgroundImage")


def press(page, label: str, key: str, times: int = 1) -> None:
    """Move a slider by keys."""
    slider = page.get_by_role("slider", name=label)
    slider.focus()
    for _ in range(times):
        slider.press(key)
    page.wait_for_timeout(500)
    settle(page)


def content(page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    with open(download.value.path(), "rb") as file:
        return file.read()


def button(page, name: str):
    """The button of exactly this name."""
    return page.get_by_role("button", name=name, exact=True)


def setting(page, name: str, value) -> None:
    """Type the value into this field of the training form."""
    field = page.locator(f".st-key-train-{name} input")
    field.fill(str(value))
    field.press("Tab")
    settle(page)
