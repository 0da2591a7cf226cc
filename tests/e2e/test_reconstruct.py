"""What only a browser can tell of the Reconstruct page."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from convae.data.uploads import shown_name
from tests.support.browsing import settle

PARTS = {"Images": ".cv-rows", "One image": ".frame"}


def picture(width=40, height=40, form="PNG") -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def packed(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def bomb() -> bytes:
    """A small file that claims 400 megapixels."""
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    return buffer.getvalue()


def bad_files() -> dict[str, tuple[bytes, str]]:
    """Ten files that cannot be used: name -> (content, words of the sentence)."""
    whole = picture(400, 400, "JPEG")
    return {
        "empty.png": (b"", "is empty"),
        "text.png": (b"hello, I am a text", "not an image"),
        "cut.jpg": (whole[: len(whole) // 2], "damaged"),
        "script.gif": (b"<svg onload='alert(1)'></svg>", "not an image"),
        "bomb.png": (bomb(), "too large"),
        "heavy.bmp": (b"BM" + bytes(33 * 2**20), "too large"),
        "broken.zip": (packed(a=picture())[:-30], "damaged"),
        "none.zip": (packed(**{"notes.txt": b"no pictures"}), "holds no images"),
        "bad.zip": (packed(**{"a.png": b"rubbish"}), "not an image"),
        "model.webp": (b"\x80\x04\x95pickle", "not an image"),
    }


def test_ten_bad_uploads_give_ten_clear_sentences(open_page):
    page = open_page("reconstruct?data=Your+images")
    files = bad_files()
    page.locator('input[type="file"]').set_input_files(
        [
            {"name": name, "mimeType": "application/octet-stream", "buffer": content}
            for name, (content, _) in files.items()
        ]
    )
    alerts = page.locator('[data-testid="stAlertContainer"]')
    alerts.nth(9).wait_for()
    settle(page)
    sentences = alerts.all_inner_texts()
    assert len(sentences) == 10
    for sentence, (name, (_, words)) in zip(sentences, files.items(), strict=True):
        assert words in sentence and shown_name(name) in sentence, (name, sentence)
    assert page.locator('[data-testid="stException"]').count() == 0


@pytest.mark.parametrize("scheme, width", [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_named_in_the_address_opens(open_page, part, scheme, width):
    address = f"reconstruct?data=Digits&reconstruct-part={part.replace(' ', '+')}"
    page = open_page(address, width=width, scheme=scheme)
    page.locator(PARTS[part]).first.wait_for()
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_slider_uncovers_the_original_without_asking_the_server(open_page):
    page = open_page("reconstruct?data=Digits&reconstruct-part=One+image")
    frame = page.locator(".frame")
    frame.wait_for()
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    shown = []
    for share in (0.98, 0.02):
        page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        shown.append(np.asarray(Image.open(io.BytesIO(frame.screenshot())).convert("RGB"), float))
    assert np.abs(shown[0] - shown[1]).mean() > 10, "the untrained model rebuilds nothing alike"
    page.keyboard.press("ArrowRight")
    assert int(frame.locator("input").input_value()) < 10


def test_every_choice_of_the_view_is_in_the_address_and_survives_a_reload(open_page):
    page = open_page("reconstruct?data=Digits")
    page.get_by_role("radio", name="Worst").click()
    page.wait_for_url("**reconstruct-which=Worst**", wait_until="commit")
    settle(page)
    page.reload()
    settle(page)
    assert page.get_by_role("radio", name="Worst").get_attribute("aria-checked") == "true"
