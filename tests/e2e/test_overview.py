"""The Overview in a browser: pictures large and inside the margins, thumbnails, dotted terms."""

import re

import pytest

from tests.support.browser_pages import assert_healthy

# CSS pixels: 1024, and what a window of 1440 pixels has at a zoom of 200%
WIDTHS = (1024, 720)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_pictures_stay_large_and_inside_the_margins(editor, width):
    page = editor(width=width)
    assert_healthy(page)
    inside = page.locator('[data-testid="stMainBlockContainer"]').evaluate("""block => {
      const box = block.getBoundingClientRect(), style = getComputedStyle(block);
      return [box.left + parseFloat(style.paddingLeft), box.right - parseFloat(style.paddingRight)];
    }""")
    pictures = page.locator(".editor canvas")
    assert pictures.count() == 2
    for picture in pictures.all():
        box = picture.bounding_box()
        assert box["width"] >= 240 and box["height"] == pytest.approx(box["width"], abs=1)
        assert inside[0] - 0.5 <= box["x"] and box["x"] + box["width"] <= inside[1] + 0.5


def test_thumbnails_are_as_pixelated_as_the_pictures_and_named_by_their_class(editor):
    page = editor()
    thumbnails = page.locator('[class*="st-key-thumbs"] button img')
    for thumbnail in thumbnails.all():
        assert thumbnail.evaluate("image => image.naturalWidth") == 32
        assert thumbnail.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    rendering = page.locator(".editor canvas").first.evaluate(
        "canvas => getComputedStyle(canvas).imageRendering"
    )
    assert rendering == "pixelated"
    names = thumbnails.evaluate_all("images => images.map((image) => image.alt)")
    assert all(re.fullmatch(r"image \d+, \w+", name) for name in names)
    assert len(set(names)) == 12 and len({name.split(", ")[1] for name in names}) > 3


@pytest.mark.parametrize("width", (1280, 390))
def test_a_dotted_term_opens_its_sentence_by_keyboard_and_mouse(editor, width):
    page = editor(width=width)
    term = page.locator(".cv-term").first
    note = term.locator(".cv-note")
    assert not note.is_visible()
    term.focus()
    assert note.is_visible() and "10 log10" in note.text_content()
    box = note.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width
    term.blur()
    assert not note.is_visible()
    term.hover()
    assert note.is_visible()
    assert_healthy(page)
