"""The tour with the shipped models and the keys of presenter mode, in a browser."""

import pytest

from convae.ui import tour
from tests.support.browser_pages import assert_healthy
from tests.support.browsing import serving, settle


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The address of an app with the shipped checkpoints."""
    home = tmp_path_factory.mktemp("tour")
    with serving({f"CONVAE_{n}_DIR": str(home / n) for n in ("RUNS", "DATA", "CACHE")}) as server:
        yield server.address


@pytest.fixture
def window(browser):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    yield page
    context.close()


def at(page, number: int) -> None:
    """Wait for a stop, drawn to its end."""
    stop = tour.STOPS[number - 1]
    bar = page.get_by_role("navigation", name="Tour")
    bar.get_by_text(f"Step {number} of 8").wait_for()
    settle(page)
    assert stop.text in bar.inner_text() and stop.heading in bar.inner_text()
    if stop.page:
        assert page.locator("h1").inner_text() == stop.label
    model = page.locator(".st-key-model input").first.input_value()
    assert model == stop.query["model"]
    assert_healthy(page)


def test_every_stop_of_the_tour_opens_with_its_model(window, shipped):
    window.goto(f"{shipped}/{tour.address(1)[2:]}")
    at(window, 1)
    for number in range(2, len(tour.STOPS) + 1):
        window.get_by_role("link", name="Next", exact=True).click()
        at(window, number)
    window.get_by_role("link", name="End", exact=True).click()
    window.get_by_role("navigation", name="Tour").wait_for(state="hidden")
    assert "tour=" not in window.url


def test_keys_change_the_stop_in_presenter_mode_and_escape_leaves_it(window, shipped):
    window.goto(f"{shipped}/train?present=1")
    settle(window)
    assert not window.get_by_test_id("stSidebar").is_visible()
    window.wait_for_timeout(500)
    bar = window.get_by_role("navigation", name="Tour")
    for key, number in (("ArrowRight", 1), ("PageDown", 2), ("PageUp", 1)):
        window.keyboard.press(key)
        bar.get_by_text(f"Step {number} of 8").wait_for()
        settle(window)
        assert "present=1" in window.url
    window.keyboard.press("Escape")
    window.get_by_test_id("stSidebar").wait_for()
    assert "present" not in window.url and "tour=1" in window.url
