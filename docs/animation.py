"""Makes docs/convae.webp, the animation of the README, from the running app:

    python -m docs.animation [--to FILE]

An own server with empty folders, the shipped models and no CIFAR-10: what a fresh clone shows.
"""

import argparse
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tests.support.browsing import browsing, serving, settle

WIDTH, HEIGHT, SHOWN = 1180, 740, 900  # of the window; width of the animation, in pixels
if TYPE_CHECKING:
    from playwright.sync_api import Page

# scrolls to the chart, or to the top of a page that has none yet
CHART = """() => {
  const chart = document.querySelector("[data-testid=stVegaLiteChart]");
  if (chart) chart.scrollIntoView({ block: "end" });
  else document.querySelector("[data-testid=stMain]").scrollTo(0, 0);
}"""
Frame = tuple[bytes, int]  # PNG, how long it is shown in ms


def shot(page: "Page", ms: int) -> Frame:
    return page.screenshot(), ms


def top(page: "Page", selector: str) -> None:
    """Scroll so that this element is a little below the upper edge."""
    element = page.locator(selector).first
    element.wait_for()
    element.evaluate("element => element.scrollIntoView({block: 'start'})")
    page.locator('[data-testid="stMain"]').evaluate("main => main.scrollBy(0, -90)")
    page.wait_for_timeout(400)


def overview(page: "Page") -> Iterator[Frame]:
    """A value of the code is dragged up and down."""
    page.wait_for_selector(".editor[data-psnr]")
    yield shot(page, 1_600)
    top(page, ".editor")
    cell = page.locator(".editor .grid i").nth(1)
    cell.hover()
    page.locator('.editor[data-ready="1"]').wait_for()
    box = cell.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    yield shot(page, 900)
    page.mouse.down()
    for step in (*range(1, 9), *range(7, -9, -1), *range(-7, 1)):
        page.mouse.move(x, y - 9 * step)
        page.wait_for_timeout(60)
        yield shot(page, 110)
    page.mouse.up()


def train(page: "Page") -> Iterator[Frame]:
    """The preset Live demo from the click on Start to its result."""
    yield shot(page, 1_200)
    page.locator(".st-key-train-start button").click()
    headline = page.locator(".st-key-train-headline")
    headline.wait_for()
    page.wait_for_timeout(3_000)
    for _ in range(40):
        page.evaluate(CHART)
        yield shot(page, 350)
        if headline.get_by_text("Done").count():
            break
        page.wait_for_timeout(1_200)
    page.wait_for_timeout(1_500)
    yield shot(page, 1_500)


def interpolate(page: "Page") -> Iterator[Frame]:
    """The slider goes from one image to the other."""
    top(page, ".scrubber")
    slider = page.locator(".scrubber input").first
    slider.focus()
    slider.press("Home")
    last = int(slider.get_attribute("max"))
    for _ in range(last):
        slider.press("ArrowRight")
        page.wait_for_timeout(50)
        yield shot(page, 140)
    yield shot(page, 900)


def latent_map(page: "Page") -> Iterator[Frame]:
    """The pointer goes over the map; the decoded image follows."""
    top(page, ".js-plotly-plot")
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    for part in range(13):
        share = 0.15 + 0.7 * part / 12
        page.mouse.move(
            box["x"] + box["width"] * share, box["y"] + box["height"] * (0.75 - share / 2)
        )
        page.wait_for_timeout(250)
        yield shot(page, 260)
    yield shot(page, 900)


SCENES = {"": overview, "train": train, "interpolate": interpolate, "latent_map": latent_map}


def animation() -> bytes:
    """The frames of all scenes as one animated WebP."""
    images, durations = [], []
    with tempfile.TemporaryDirectory() as home, browsing() as browser:
        places = {f"CONVAE_{name}_DIR": f"{home}/{name}" for name in ("DATA", "RUNS", "CACHE")}
        with serving(places) as server:
            context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
            for address, scene in SCENES.items():
                page = context.new_page()
                page.set_default_timeout(120_000)
                page.goto(f"{server.address}/{address}")
                settle(page)
                page.wait_for_timeout(1_500)
                for png, ms in scene(page):
                    image = Image.open(io.BytesIO(png)).convert("RGB")
                    images.append(image.resize((SHOWN, round(HEIGHT * SHOWN / WIDTH))))
                    durations.append(ms)
                page.close()
    buffer = io.BytesIO()
    images[0].save(
        buffer, "WEBP", save_all=True, append_images=images[1:], duration=durations, loop=0,
        quality=55, method=6,
    )  # fmt: skip
    print(f"{len(images)} frames, {len(buffer.getvalue()) / 1e6:.2f} MB")
    return buffer.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=Path(__file__).with_name("convae.webp"))
    given = parser.parse_args()
    given.to.write_bytes(animation())
