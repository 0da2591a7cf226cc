"""The Code length part of the Reconstruct page in a browser: the slider, its latency."""

import numpy as np

from tests.support.browsing import settle

PAGE = "reconstruct?data=Shapes&reconstruct-part=Code+length"

# moves the slider and waits until the frame is drawn: milliseconds of each move
MOVES = """async (root) => {
  const range = root.querySelector("input");
  const took = [];
  for (let n = 0; n < 60; n++) {
    const to = String(n % (Number(range.max) + 1)), began = performance.now();
    range.value = to;
    range.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    if (root.dataset.frame !== to) throw new Error(`frame ${root.dataset.frame}, not ${to}`);
    took.push(performance.now() - began);
  }
  return took;
}"""


def test_the_slider_shows_every_length_within_50_ms_without_the_server(open_page):
    page = open_page(PAGE)
    page.wait_for_selector(".scrubber[data-frame]")
    settle(page)
    slider = page.locator(".scrubber input")
    assert slider.get_attribute("aria-label") == "Code length"
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    slider.focus()
    slider.press("Home")
    page.locator('.scrubber[data-frame="0"]').wait_for()
    assert slider.get_attribute("aria-valuetext").startswith("1 value, 2 bytes")
    # the best of three: other processes of a busy machine take the core now and then
    runs = [page.locator(".scrubber").evaluate(MOVES) for _ in range(3)]
    took = min(runs, key=lambda run: np.percentile(run, 95))
    assert np.percentile(took, 95) < 50, np.round(took, 1)
    assert not sent
    slider.press("End")
    full = page.locator(".scrubber .card").nth(1).locator(".off").inner_text()
    slider.press("Home")
    assert page.locator(".scrubber .card").nth(1).locator(".off").inner_text() != full


def test_the_length_curve_follows_the_bits(open_page):
    page = open_page(PAGE + "&reconstruct-bits=4")
    page.wait_for_selector(".scrubber[data-frame]")
    settle(page)
    output = page.locator(".scrubber output").inner_text()
    values, size = (int(line.split()[0].replace(",", "")) for line in output.splitlines())
    assert size == -(-values * 4 // 8)


def test_the_length_is_in_the_address(open_page):
    page = open_page(PAGE)
    page.wait_for_selector(".scrubber[data-frame]")
    settle(page)
    slider = page.locator(".scrubber input")
    slider.focus()
    slider.press("Home")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    shown = slider.get_attribute("aria-valuetext")
    length = shown.split()[0]
    page.wait_for_url(f"**reconstruct-values={length}*")
    page.reload()
    page.wait_for_selector('.scrubber[data-frame="2"]')
    assert page.locator(".scrubber input").get_attribute("aria-valuetext") == shown
