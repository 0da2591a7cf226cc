"""The latent map in a browser: hover, click, empty place, loop, upload, walk, UMAP."""

import io
import math
import re
from urllib.parse import urljoin

import numpy as np
import pytest
from PIL import Image

from tests.support.browser_pages import chosen
from tests.support.browsing import settle
from tests.support.server_runs import CROWDS

WHERE = """(n) => {
  const gd = document.querySelector('.st-key-latent-chart .js-plotly-plot');
  const box = gd.getBoundingClientRect(), { xaxis, yaxis } = gd._fullLayout;
  for (const trace of gd._fullData) {
    const i = Array.from(trace.customdata).indexOf(n);
    if (i >= 0) return [box.left + xaxis._offset + xaxis.d2p(trace.x[i]),
                        box.top + yaxis._offset + yaxis.d2p(trace.y[i])];
  }
}"""
CARD = ".cv-hover"


@pytest.fixture
def latent_map(open_page):
    def go(query: str = "latent-method=PCA", **options):
        page = open_page(f"latent_map?{query}", **options)
        page.wait_for_function(
            "document.querySelector('.st-key-latent-chart .js-plotly-plot')?._fullLayout"
        )
        page.wait_for_selector(".cv-marks")
        page.wait_for_selector(CARD, state="attached")
        return page

    return go


@pytest.fixture(params=CROWDS, ids="{:,} points".format)
def crowd(request, latent_map, crowds):
    """A map of many points, opened: `crowd("latent-point=3")`; `.images` are those on it."""
    with np.load(crowds[request.param]) as file:
        images = file["test_images"]

    def go(query: str = ""):
        return latent_map(f"model=crowd-{request.param}&latent-method=PCA&{query}")

    go.images = images
    return go


def place(page, n: int) -> tuple[float, float]:
    return page.evaluate(WHERE, n)


def clear_point(page) -> int:
    """A point that lies away from all others, so that the pointer cannot mean another."""
    return page.evaluate(
        """() => {
        const gd = document.querySelector('.st-key-latent-chart .js-plotly-plot');
        const { xaxis, yaxis } = gd._fullLayout, all = [];
        for (const t of gd._fullData) for (let i = 0; i < t.x.length; i++)
          all.push([xaxis.d2p(t.x[i]), yaxis.d2p(t.y[i]), t.customdata[i]]);
        let best = -1, found = null;
        for (const a of all.slice(0, 400)) {
          let near = 1e9;
          for (const b of all) if (a !== b) near = Math.min(near, Math.hypot(a[0]-b[0], a[1]-b[1]));
          if (near > best) { best = near; found = a[2]; }
        }
        return found;
        }"""
    )


def hover(page, n: int) -> None:
    x, y = place(page, n)
    page.mouse.move(x - 60, y - 60)
    page.mouse.move(x, y, steps=5)
    page.wait_for_function(
        "n => { const c = document.querySelector('.cv-hover');"
        "return c.style.display === 'block' && +c.dataset.image === n; }",
        arg=n,
    )


def test_hover_shows_the_image_of_the_point(crowd):
    page = crowd()
    n = clear_point(page)
    hover(page, n)
    shot = page.locator(f"{CARD} > div").first.screenshot()
    seen = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB").resize((32, 32)), float)
    expected = crowd.images[n].astype(float)
    # corners are rounded and the sheet is WebP
    assert np.abs(seen - expected)[4:-4, 4:-4].mean() < 12


def test_click_shows_the_point_its_neighbors_and_lines_to_them(crowd):
    page = crowd()
    n = clear_point(page)
    page.mouse.click(*place(page, n))
    page.get_by_text(f"Image {n}:").wait_for()
    assert page.locator(".cv-bar").count() == 8
    page.wait_for_function("document.querySelectorAll('.cv-marks polyline.near').length === 16")
    assert f"latent-point={n}" in page.url


def test_in_three_dimensions_rings_and_lines_turn_with_the_points(latent_map):
    page = latent_map("latent-method=PCA&latent-dimensions=3&latent-classes=moon&latent-point=7")
    ring = page.locator(".cv-marks circle.chosen")
    ring.wait_for(state="attached")
    assert page.locator(".cv-marks polyline.near").count() == 16

    def hovered_in_the_ring():
        x, y = (float(ring.get_attribute(name)) for name in ("cx", "cy"))
        box = page.locator(".st-key-latent-chart .js-plotly-plot").bounding_box()
        page.mouse.move(box["x"] + x - 40, box["y"] + y)
        page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
        page.wait_for_function(
            "document.querySelector('.cv-hover').style.display === 'block' && "
            "document.querySelector('.cv-hover').dataset.image === '7'"
        )
        return x, y

    before = hovered_in_the_ring()
    scene = page.locator(".st-key-latent-chart canvas").last.bounding_box()
    x, y = scene["x"] + scene["width"] / 2, scene["y"] + 40
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y + 30, steps=6)
    page.mouse.up()
    page.wait_for_timeout(1500)  # it swings on
    after = hovered_in_the_ring()
    assert math.dist(before, after) > 10


def test_a_change_of_dimensions_draws_no_mark_at_a_place_that_is_no_number(latent_map):
    page, messages = latent_map(), []
    page.on("console", lambda message: messages.append(message.text))
    for dimensions, solid in (("3", True), ("2", False)):
        chooser = page.locator(".st-key-latent-dimensions")
        chooser.get_by_role("radio", name=dimensions, exact=True).click()
        page.wait_for_function(
            "solid => { const layout = document.querySelector("
            "'.st-key-latent-chart .js-plotly-plot')?._fullLayout;"
            "return !!layout && !!layout.scene === solid; }",
            arg=solid,
        )
        settle(page)
        page.wait_for_selector(".cv-marks circle.chosen", state="attached")
    assert not [text for text in messages if "NaN" in text or "undefined" in text]


def test_changes_of_a_map_in_three_dimensions_raise_no_error_and_keep_the_ring(latent_map):
    page, errors = latent_map("latent-method=PCA&latent-dimensions=3"), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    colors = page.locator(".st-key-latent-color").get_by_role("combobox")
    for color in ("PSNR", "Cluster", "Class"):
        colors.click()
        page.get_by_role("option", name=color, exact=True).click()
        settle(page)
        page.wait_for_selector(".cv-marks circle.chosen", state="attached")
    chooser = page.locator(".st-key-latent-dimensions")
    for dimensions in ("2", "3", "2", "3"):
        chooser.get_by_role("radio", name=dimensions, exact=True).click()
        settle(page)
        page.wait_for_selector(".cv-marks circle.chosen", state="attached")
    assert errors == []


def test_two_clicks_make_a_walk_that_interpolate_takes_on(crowd):
    page = crowd("latent-point=3&latent-from=8")
    page.wait_for_selector(".cv-marks polyline.walk", state="attached")
    settle(page)
    assert page.get_by_role("img", name="interpolation, image 11").count() == 1
    model = chosen(page, "model")
    assert model.startswith("crowd-")
    link = page.get_by_role("link", name="Open in Interpolate").get_attribute("href")
    assert f"model={model}" in link
    assert "interpolate-frames=8%2C3" in link
    page.goto(urljoin(page.url, link))  # as in a new tab: nothing is known but the address
    settle(page)
    page.get_by_role("heading", name="Interpolate").wait_for()
    assert page.get_by_text("There is no test image").count() == 0
    # the address itself leaves out what is the default, as the newest run is
    assert chosen(page, "model") == model


def test_click_on_nothing_decodes_what_could_live_there(crowd):
    page = crowd()
    box = page.locator(".st-key-latent-chart .nsewdrag").bounding_box()
    page.mouse.click(box["x"] + 12, box["y"] + 12)
    page.get_by_text("An empty place on the map").wait_for()
    page.get_by_text("No images near this place on the map").wait_for()
    page.get_by_text(re.compile(r"Off-manifold percentile: less typical than \d+% of")).wait_for()
    page.wait_for_selector(".cv-marks circle.spot", state="attached")


def draw_around_the_middle(page, radius: int = 90) -> None:
    box = page.locator(".st-key-latent-chart .nsewdrag").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x + radius, y)
    page.mouse.down()
    for turn in range(1, 25):
        angle = turn / 24 * 2 * math.pi
        page.mouse.move(x + radius * math.cos(angle), y + radius * math.sin(angle))
    page.mouse.up()
    page.get_by_text("images selected").wait_for()
    settle(page)


SELECTED = (
    "document.querySelector('.st-key-latent-chart .js-plotly-plot')?._fullData"
    "?.reduce((sum, trace) => sum + (trace.selectedpoints || []).length, 0)"
)


def selected(page) -> int:
    """How many points the chart itself shows as selected."""
    return page.evaluate(SELECTED)


def test_a_selection_is_in_the_address_and_a_new_tab_shows_it(crowd, open_page):
    page = crowd()
    draw_around_the_middle(page)
    heading = page.get_by_role("heading", name="images selected").inner_text()
    page.wait_for_url("**latent-selection=*", wait_until="commit")
    assert len(page.url) < 2_500
    count = int(heading.split()[0].replace(",", ""))
    assert selected(page) == count
    other = open_page(page.url.split("/")[-1])
    other.get_by_role("heading", name=heading).wait_for()
    other.wait_for_function(
        "document.querySelector('.st-key-latent-chart .js-plotly-plot')?._fullData"
    )
    assert selected(other) == count


def test_the_chart_and_the_panel_let_go_of_a_selection_together(latent_map):
    page = latent_map()
    draw_around_the_middle(page)
    assert selected(page) > 0
    page.get_by_role("button", name="close").click()
    page.get_by_text("images selected").wait_for(state="detached")
    settle(page)
    page.wait_for_function(f"({SELECTED}) === 0")
    assert "latent-selection" not in page.url
    draw_around_the_middle(page)
    box = page.locator(".st-key-latent-chart .nsewdrag").bounding_box()
    page.mouse.click(box["x"] + 6, box["y"] + 6)
    page.get_by_text("An empty place on the map").wait_for()
    settle(page)
    page.wait_for_function(f"({SELECTED}) === 0")
    page.wait_for_selector(".cv-marks circle.spot", state="attached")


def test_a_double_click_on_an_empty_place_only_ends_the_selection(latent_map):
    page = latent_map()
    draw_around_the_middle(page)
    box = page.locator(".st-key-latent-chart .nsewdrag").bounding_box()
    page.mouse.dblclick(box["x"] + 6, box["y"] + 6)
    page.get_by_text("images selected").wait_for(state="detached")
    page.wait_for_timeout(1000)  # an empty place would be reported after 320 ms
    settle(page)
    assert not page.get_by_text("An empty place on the map").count()
    assert selected(page) == 0


def test_an_empty_place_is_in_the_address_and_a_new_tab_shows_it(crowd, open_page):
    page = crowd()
    box = page.locator(".st-key-latent-chart .nsewdrag").bounding_box()
    page.mouse.click(box["x"] + 12, box["y"] + 12)
    page.get_by_text("An empty place on the map").wait_for()
    page.wait_for_url("**latent-spot=*", wait_until="commit")
    other = open_page(page.url.split("/")[-1])
    other.get_by_text("An empty place on the map").wait_for()
    other.wait_for_selector(".cv-marks circle.spot", state="attached")


def test_images_of_a_selection_and_neighbors_lead_to_themselves(crowd):
    page = crowd("latent-neighbors=3")
    draw_around_the_middle(page)
    heading = page.get_by_role("heading", name="images selected").inner_text()
    gallery = page.locator(".st-key-latent-gallery .cv-item")
    gallery.nth(2).wait_for()
    chosen = gallery.nth(2).get_attribute("title")
    gallery.nth(2).click()
    page.get_by_role("heading", name=f"I{chosen[1:]}").wait_for()
    settle(page)
    near = page.locator(".cv-bar")
    assert near.count() == 3
    chosen = near.nth(1).get_attribute("title")
    near.nth(1).click()
    page.get_by_role("heading", name=f"I{chosen[1:]}").wait_for()
    assert f"latent-point={chosen.split()[1].rstrip(':')}" in page.url
    page.get_by_role("button", name="Back to the selection").click()
    page.get_by_role("heading", name=heading).wait_for()


def test_a_loop_shows_the_group_and_isolates_it(crowd):
    page = crowd()
    draw_around_the_middle(page)
    with page.expect_download() as zipped:
        page.get_by_role("button", name="Images (zip)").click()
    assert zipped.value.suggested_filename == "selection.zip"
    page.get_by_role("button", name="Isolate").click()
    page.get_by_role("button", name="Project only these").click()
    page.get_by_role("button", name="Project only these").wait_for(state="detached")
    settle(page)
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("button", name="Show all").wait_for(state="detached")
    settle(page)
    # a widget that had moved up would change, but not the address
    for name in ("circle", "star"):
        page.locator(".st-key-latent-classes input").click()
        page.get_by_role("option", name=name, exact=True).click()
        page.keyboard.press("Escape")
        page.wait_for_url(f"**latent-classes={name}*", wait_until="commit")
        settle(page)


def test_an_upload_takes_its_place_on_the_map(crowd):
    page = crowd()
    page.get_by_text("Place your own images on the map").click()
    buffer = io.BytesIO()
    Image.fromarray(crowd.images[5]).save(buffer, "PNG")
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("Nearest to the first image").wait_for()
    page.wait_for_selector(".cv-marks circle.spot", state="attached")
    first, second = (float(page.locator(".cv-bar em").nth(i).inner_text()) for i in (0, 1))
    assert first < 0.5 * second  # it is image 5 itself, up to the precision of many codes


def test_the_camera_keeps_the_chart_as_a_picture(latent_map):
    page = latent_map()
    with page.expect_download() as kept:
        page.locator('.st-key-latent-chart [data-title*="ownload"]').click()
    assert kept.value.suggested_filename == "latent-map.png"
    with Image.open(kept.value.path()) as picture:
        assert picture.width > 800 and picture.getextrema() != ((255, 255),) * 4


def test_the_downloaded_chart_shows_images_with_nothing_but_itself(crowd, browser, tmp_path):
    page = crowd("latent-classes=moon")
    with page.expect_download() as kept:
        page.get_by_role("button", name="Chart (HTML)").click()
    kept.value.save_as(tmp_path / "map.html")
    context = browser.new_context(viewport={"width": 900, "height": 700}, offline=True)
    alone = context.new_page()
    alone.goto((tmp_path / "map.html").as_uri())
    alone.wait_for_function("document.querySelector('.js-plotly-plot')?._fullData")
    alone.wait_for_selector(CARD, state="attached")
    n, x, y = alone.evaluate(
        """() => {
        const gd = document.querySelector('.js-plotly-plot'), box = gd.getBoundingClientRect();
        const { xaxis, yaxis } = gd._fullLayout, trace = gd._fullData[0];
        const i = Array.from(trace.y).reduce((best, v, k, all) => v > all[best] ? k : best, 0);
        return [trace.customdata[i], box.left + xaxis._offset + xaxis.d2p(trace.x[i]),
                box.top + yaxis._offset + yaxis.d2p(trace.y[i])];
        }"""
    )
    alone.mouse.move(x - 60, y + 60)
    alone.mouse.move(x, y, steps=5)
    alone.wait_for_function(
        "n => { const c = document.querySelector('.cv-hover');"
        "return c.style.display === 'block' && +c.dataset.image === n; }",
        arg=n,
    )
    shot = alone.locator(f"{CARD} > div").first.screenshot()
    seen = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB").resize((32, 32)), float)
    assert np.abs(seen - crowd.images[n].astype(float))[4:-4, 4:-4].mean() < 12
    context.close()


def test_umap_shows_its_progress_and_can_be_canceled(latent_map, open_page):
    page = latent_map("latent-method=UMAP&data=Digits")
    page.get_by_role("button", name="Compute the UMAP").click()
    page.locator(".st-key-latent-making").wait_for()
    assert open_page("reconstruct").get_by_role("heading", name="Reconstruct").count() == 1
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Compute the UMAP").wait_for()


def test_umap_takes_the_place_of_pca_when_it_is_ready(latent_map):
    page = latent_map("latent-method=UMAP&data=Digits&latent-seed=1")
    page.get_by_role("button", name="Compute the UMAP").click()
    page.wait_for_function(
        "document.querySelector('[data-testid=stMain]').innerHTML.includes('UMAP map of')",
        timeout=240_000,
    )


@pytest.mark.parametrize(
    "query",
    [
        "latent-point=999999&latent-from=-4",
        "latent-dimensions=7&latent-method=tsne&latent-color=x",
        "latent-n_neighbors=9999&latent-min_dist=nan&latent-classes=nothing",
    ],
)
def test_odd_addresses_still_draw_the_map(open_page, query):
    page = open_page(f"latent_map?{query}")
    page.wait_for_selector(".st-key-latent-chart .js-plotly-plot .main-svg")
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0
