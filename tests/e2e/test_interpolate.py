"""The Interpolate page in a browser: scrubbing, keyframes, films."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.support.browser_pages import assert_healthy, pixels
from tests.support.browsing import settle
from tests.support.own_server import OwnServer

PAGE = "interpolate?data=Shapes&interpolate-frames=1,2,3&interpolate-steps=6"


@pytest.fixture
def walk(open_page):
    page = open_page(PAGE)
    page.wait_for_selector(".scrubber[data-frame]")
    return page


def at_frame(page, number: int) -> None:
    page.locator(f'.scrubber[data-frame="{number}"]').wait_for()


def slot_count(page) -> int:
    return page.locator('[class*="st-key-slots"] button').count()


def test_the_slider_moves_all_paths_without_asking_the_server(walk):
    slider = walk.locator(".scrubber input")
    larges = walk.locator(".scrubber .large").all()
    assert len(larges) == 4
    slider.focus()
    slider.press("Home")
    at_frame(walk, 0)
    first = [pixels(large) for large in larges]
    assert all(picture.std() > 1 for picture in first)
    sent = []
    walk.on("websocket", lambda _: sent.append("opened"))
    walk.on("request", lambda request: sent.append(request.url))
    slider.press("ArrowRight")
    at_frame(walk, 1)
    slider.press("End")
    at_frame(walk, 12)
    last = [pixels(large) for large in larges]
    assert all((a != b).any() for a, b in zip(first, last, strict=True))
    assert not sent
    assert slider.get_attribute("aria-valuetext") == "frame 13 of 13"


def test_a_strip_is_a_slider_too(walk):
    strip = walk.locator(".scrubber .film").nth(1).bounding_box()
    walk.mouse.click(strip["x"] + strip["width"] * 0.5, strip["y"] + strip["height"] / 2)
    at_frame(walk, 6)
    walk.mouse.click(strip["x"] + strip["width"] * 0.999, strip["y"] + strip["height"] / 2)
    at_frame(walk, 12)


def test_play_moves_and_a_press_stops_it(walk):
    play = walk.locator(".scrubber .play")
    before = walk.locator(".scrubber").get_attribute("data-frame")
    play.click()
    walk.locator(f'.scrubber:not([data-frame="{before}"])').wait_for()
    assert play.get_attribute("aria-label") == "Pause"
    play.click()
    assert play.get_attribute("aria-label") == "Play"


def test_the_frame_is_kept_when_the_paths_change(walk):
    slider = walk.locator(".scrubber input")
    slider.focus()
    slider.press("Home")
    slider.press("ArrowRight")
    at_frame(walk, 1)
    walk.get_by_role("button", name="Spline").click()
    walk.locator(".scrubber .card").nth(4).wait_for()
    assert walk.locator(".scrubber").get_attribute("data-frame") == "1"


def test_keyframes_are_added_and_removed_by_clicks_and_kept_by_a_reload(walk):
    assert slot_count(walk) == 3
    walk.get_by_test_id("stMain").get_by_role("button", name="Add").click()
    walk.locator('[class*="st-key-thumbs"] button').nth(3).click()
    walk.locator('[class*="st-key-slots"] button').nth(3).wait_for()
    walk.keyboard.press("Escape")
    settle(walk)
    walk.locator('[class*="st-key-slots"] button').nth(0).click()
    walk.locator(".st-key-interpolate-frames-remove button:enabled").first.click()
    walk.wait_for_function(
        "new URL(location).searchParams.get('interpolate-frames').startsWith('2,3,')"
    )
    settle(walk)
    assert slot_count(walk) == 3
    kept = walk.url
    walk.reload()
    settle(walk)
    assert slot_count(walk) == 3 and walk.url == kept
    assert_healthy(walk)


def test_another_page_leads_here_with_keyframes(open_page):
    page = open_page("interpolate?data=Shapes&interpolate-frames=12,31")
    page.wait_for_selector(".scrubber[data-frame]")
    assert slot_count(page) == 2
    assert page.locator(".scrubber .card").count() == 4


@pytest.mark.parametrize("kind", ["GIF", "WebP"])
def test_a_looped_walk_through_three_keyframes_is_a_film_to_keep(open_page, kind):
    page = open_page(PAGE + "&interpolate-loop=true")
    page.wait_for_selector(".scrubber[data-frame]")
    with page.expect_download() as download:
        page.get_by_role("button", name=kind, exact=True).click()
    with open(download.value.path(), "rb") as file:
        film = Image.open(io.BytesIO(file.read()))
    assert film.format == kind.upper()
    assert film.n_frames == 18 and film.size == (256, 256) and film.info["loop"] == 0
    shown = []
    for number in range(film.n_frames):
        film.seek(number)
        shown.append(np.asarray(film.convert("RGB")).astype(int))
    steps = [np.abs(a - b).mean() for a, b in zip(shown, [*shown[1:], shown[0]], strict=True)]
    assert steps[-1] < 3 * np.median(steps) + 1, "the end does not lead back to the start"


LOOK = """() => {  // the words of a card and the place of the slider, in every frame from now on
  window.seen = [];
  const look = () => {
    const host = document.querySelector(".st-key-interpolate-walk " +
      "[data-testid=stBidiComponentIsolated]");
    const at = (selector) => host?.shadowRoot?.querySelector(selector);
    const bar = at(".bar")?.getBoundingClientRect();
    if (at(".off")?.innerText && bar?.height)  // without height while Streamlit replaces it
      window.seen.push([at(".off").innerText, bar.y]);
    requestAnimationFrame(look);
  };
  look();
}"""


@pytest.mark.parametrize("width", [390, 1180])
def test_a_first_picture_says_that_it_is_preliminary_and_nothing_moves(
    browser, own_folders, tiny_checkpoint, width
):
    server = OwnServer(own_folders)
    with server.ends, browser.new_context(viewport={"width": width, "height": 900}) as context:
        server.start()
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(f"({LOOK})()")
        page.goto(f"{server.address}/{PAGE}")
        page.locator(".off", has_text="held-out").first.wait_for()
        settle(page)
        page.wait_for_function("window.seen.some(([words]) => words.startsWith('Off-manifold'))")
        seen = page.evaluate("window.seen")
    words = list(dict.fromkeys(text for text, _ in seen))
    assert words[0].startswith("Preliminary: from 300 of 2,000 real codes")
    assert len(words) == 2 and words[1].startswith("Off-manifold percentile: less typical than")
    last = [y for text, y in seen if text == words[0]][-1]
    assert {y for text, y in seen if text == words[1]} == {last}


@pytest.mark.parametrize("width, scheme", [(1440, "light"), (390, "dark")])
@pytest.mark.parametrize("part", ["Path", "Grid", "Arithmetic", "Sliders"])
def test_every_part_fits_its_screen(open_page, part, width, scheme):
    page = open_page(f"interpolate?data=Shapes&interpolate-part={part}", width=width, scheme=scheme)
    if part == "Path":
        page.wait_for_selector(".scrubber[data-frame]")
        box = page.locator(".scrubber").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
    else:
        assert pixels(page.locator(".cv-image, .cv-tile").first).std() > 1
    assert_healthy(page)
