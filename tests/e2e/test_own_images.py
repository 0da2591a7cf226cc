"""A visitor's own images: added, trained on and reconstructed in the browser alone; pasted."""

import base64
import io
import json
import shutil
import zipfile

import pytest
from PIL import Image, ImageDraw

from tests.support.browser_pages import assert_healthy, chosen, tiles
from tests.support.browsing import serving, settle
from tests.support.visiting import png
from tests.support.waiting import wait_for

CLASSES = {"ring": "ellipse", "block": "rectangle"}


def toys(count: int = 24) -> bytes:
    """A zip of small PNGs in two class folders, and a file that is no image."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(count):
            for folder, shape in CLASSES.items():
                picture, content = Image.new("RGB", (40, 40), (9 * number, 30, 60)), io.BytesIO()
                box = (4 + number % 9, 6, 24 + number % 9, 26)
                getattr(ImageDraw.Draw(picture), shape)(box, (250, 240, 9 * number))
                picture.save(content, "PNG")
                archive.writestr(f"toys/{folder}/{number}.png", content.getvalue())
        archive.writestr("toys/ring/broken.png", b"no image")
    return buffer.getvalue()


@pytest.fixture
def home(own_folders, tiny_weights):
    shutil.copytree(tiny_weights, own_folders / "checkpoints" / "tiny")
    return own_folders


@pytest.fixture
def page(home, browser):
    folders = {f"CONVAE_{n}_DIR": str(home / n.lower()) for n in
               ("RUNS", "CHECKPOINTS", "DATA", "CACHE")}  # fmt: skip
    with open(home / "log.txt", "wb") as log, serving(folders, log=log) as server:
        context = browser.new_context(
            viewport={"width": 1280, "height": 1000}, base_url=server.address
        )
        page = context.new_page()
        page.set_default_timeout(90_000)
        yield page
        context.close()


def give(page, content: bytes):
    """Upload a zip in the dialog; returns the dialog when it shows what is in it."""
    dialog = page.get_by_role("dialog")
    file = {"name": "toys.zip", "mimeType": "application/zip", "buffer": content}
    dialog.locator("input[type=file]").set_input_files(file)
    dialog.get_by_text("48 images of 2 classes (block, ring)").wait_for()
    return dialog


def test_own_images_are_seen_trained_on_and_reconstructed(page, home):
    page.goto("/reconstruct")
    settle(page)
    before = tiles(page)
    page.get_by_role("button", name="Add images").click()
    dialog = give(page, toys())
    assert '"ring/broken.png" in the zip "toys.zip" is not an image' in dialog.inner_text()
    dialog.get_by_role("button", name="Use these images").click()
    dialog.wait_for(state="hidden")
    settle(page)
    wait_for(lambda: chosen(page, "data") == "Your images", 30)
    wait_for(lambda: tiles(page) != before, 30)
    assert_healthy(page)
    assert not (home / "data").exists(), "images of the session are not written"

    page.get_by_role("link", name="Train", exact=True).first.click()
    page.get_by_role("heading", name="Train").wait_for()
    settle(page)
    page.get_by_role("button", name="Add images").click()
    dialog = give(page, toys())
    dialog.get_by_role("textbox", name="Name of the set").fill("toys")
    dialog.get_by_role("button", name="Keep these images").click()
    dialog.wait_for(state="hidden")
    page.get_by_text("Training data: toys").wait_for()
    page.get_by_text("Settings", exact=True).click()
    epochs = page.get_by_role("spinbutton", name="Epochs")
    epochs.fill("2")
    epochs.press("Enter")
    name = page.get_by_role("textbox", name="Name", exact=True)
    name.fill("from-toys")
    name.press("Enter")
    settle(page)
    page.get_by_role("button", name="Start", exact=True).click()
    run = home / "runs" / "from-toys"
    wait_for(lambda: (run / "status.json").is_file() and _state(run) == "done", 120)
    assert json.loads((run / "config.json").read_text())["data"]["spec"] == "own:toys"

    page.goto("/reconstruct?model=from-toys&data=toys")
    settle(page)
    assert chosen(page, "model") == "from-toys" and chosen(page, "data") == "toys"
    assert_healthy(page)
    page.get_by_text("Shown: test images of toys. Model: trained on toys").wait_for()


def test_files_of_a_dialog_that_was_closed_are_gone_and_warnings_can_be_dismissed(page):
    page.goto("/reconstruct")
    settle(page)
    dialog = page.get_by_role("dialog")

    def open_with(name, content):
        page.get_by_role("button", name="Add images").click()
        dialog.locator("input[type=file]").wait_for(state="attached")
        settle(page)
        text = dialog.inner_text()
        file = {"name": name, "mimeType": "image/png", "buffer": content}
        dialog.locator("input[type=file]").set_input_files(file)
        return text

    open_with("broken.png", b"no image")
    dialog.get_by_text("None of these files can be used").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    settle(page)
    assert "broken.png" not in open_with("toys.zip", toys())
    dialog.get_by_text("48 images of 2 classes (block, ring)").wait_for()
    dialog.get_by_text('"ring/broken.png" in the zip "toys.zip" is not an image').wait_for()
    assert '"broken.png"' not in dialog.inner_text()
    dialog.get_by_role("button", name="Use these images").click()
    dialog.wait_for(state="hidden")
    settle(page)
    warnings = page.get_by_test_id("stAlert").filter(has_text="is not an image")
    warnings.wait_for()
    assert warnings.count() == 1
    page.get_by_role("button", name="Dismiss warnings").click()
    warnings.wait_for(state="detached")
    page.get_by_role("link", name="Latent map", exact=True).first.click()
    page.get_by_role("heading", name="Latent map").wait_for()
    settle(page)
    assert warnings.count() == 0 and chosen(page, "data") == "Your images"


def _state(run) -> str:
    return json.loads((run / "status.json").read_text()).get("state", "")


PASTE = """(content) => {
  const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], 'image.png', { type: 'image/png' }));
  document.body.dispatchEvent(
    new ClipboardEvent('paste', { clipboardData: given, bubbles: true, cancelable: true }));
}"""


def test_a_pasted_image_is_shown_whatever_its_size(page):
    page.goto("/reconstruct")
    settle(page)
    before = tiles(page)
    noise = Image.effect_noise((1500, 1200), 90).convert("RGB")
    large = io.BytesIO()
    noise.save(large, "PNG")
    for count, content in enumerate((png(30), large.getvalue()), start=1):
        page.evaluate(PASTE, base64.b64encode(content).decode())
        wait_for(lambda: chosen(page, "data") == "Your images", 30)
        wait_for(lambda count=count: page.locator(".cv-caption").count() == count, 30)
        settle(page)
        assert_healthy(page)
        assert tiles(page) != before
        before = tiles(page)
