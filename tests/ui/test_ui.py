"""The pieces of the frame, each on its own."""

import os
import sys
import threading
import time

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from threadpoolctl import threadpool_info, threadpool_limits

from convae import ui
from convae.models import checkpoints
from convae.ui import frame, image_sources, pictures
from convae.ui.train import forecast
from tests.support.visiting import healthy, visit


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)


def drawn(script, **arguments) -> str:
    app = AppTest.from_function(script, kwargs=arguments, default_timeout=30).run()
    assert not app.exception, app.exception[0].message
    return " ".join(element.proto.body for element in app.get("html"))


def rows(count, labels, captions=None, columns=8):
    import numpy as np

    from convae import ui

    some = np.zeros((count, 32, 32, 3), np.uint8)
    ui.image_rows({label: some for label in labels}, captions, "dB", columns=columns)


@pytest.mark.parametrize("count", [1, 5, 8, 9, 17])
def test_image_rows_draw_every_image_of_every_row(count):
    body = drawn(rows, count=count, labels=["original", "rebuilt"])
    assert body.count('role="img"') == 2 * count
    assert f"rebuilt, image {count}" in body


def test_image_rows_send_one_picture():
    assert drawn(rows, count=30, labels=["a", "b", "c"]).count("data:image/png") == 1


def test_image_rows_escape_labels_and_captions():
    body = drawn(rows, count=1, labels=["<b>x</b>"], captions=["<script>"])
    assert "<b>" not in body and "<script>" not in body
    assert "&lt;script&gt;" in body


def test_image_rows_round_numbers_and_name_the_unit():
    body = drawn(rows, count=3, labels=["a"], captions=[21.26, float("inf"), float("nan")])
    assert "21.3 dB" in body and ">exact<" in body


def test_no_images_is_a_normal_case():
    assert drawn(rows, count=0, labels=["original"]) == ""


def test_image_rows_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="a: 1, b: 2"):
        ui.image_rows({"a": images(1), "b": images(2)})


def test_sheet_holds_the_rows_one_above_the_other():
    top, bottom = images(3), images(3, seed=1)
    placed = pictures._line_by_line([top, bottom], 2)
    expected = [*top[:2], *bottom[:2], top[2], 0 * top[2], bottom[2], 0 * top[2]]
    np.testing.assert_array_equal(placed, np.stack(expected))


def test_error_picture_is_dark_where_nothing_is_lost():
    some = images(2)
    assert (ui.error_picture(some, some) == pictures.HEAT[0]).all()
    black, white = np.zeros_like(some), np.full_like(some, 255)
    assert (ui.error_picture(black, white) == pictures.HEAT[-1]).all()


@pytest.mark.parametrize(
    "seconds, words", [(0.4, "0 s"), (59, "59 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")]
)
def test_duration_reads_like_speech(seconds, words):
    assert forecast.duration(seconds) == words


def test_a_card_from_elsewhere_cannot_name_a_folder_of_this_machine(add_checkpoint, tmp_path):
    folder = add_checkpoint("strange", f"folder:{tmp_path}")
    found = {entry.name: entry for entry in checkpoints.listing()}
    assert f"folder:{tmp_path}" not in image_sources.sources_of(found["strange"])
    (folder / "config.json").write_text("{}")  # what a run of one's own has
    assert f"folder:{tmp_path}" in image_sources.sources_of(found["strange"])


def test_checkpoint_is_loaded_again_when_its_file_has_changed(tiny_checkpoint):
    first = ui.load_checkpoint("tiny")
    assert ui.load_checkpoint("tiny") is first
    later = time.time() + 5
    os.utime(tiny_checkpoint / "card.json", (later, later))
    assert ui.load_checkpoint("tiny") is not first


def test_image_sets_are_shared_and_cannot_be_changed():
    shapes = ui.image_set("shapes")
    assert ui.image_set("shapes") is shapes
    with pytest.raises(ValueError, match="read-only"):
        shapes.images[0] = 0


def test_codes_are_those_of_the_images_asked_for(tiny_checkpoint):
    checkpoint, shapes = ui.load_checkpoint("tiny"), ui.image_set("shapes")
    codes = ui.codes_of(checkpoint, shapes, limit=10)
    np.testing.assert_array_equal(codes, checkpoint.encode(shapes.images[:10]))
    assert ui.codes_of(checkpoint, shapes, limit=10) is codes
    other = shapes.take(np.arange(10, 20))
    np.testing.assert_array_equal(ui.codes_of(checkpoint, other), checkpoint.encode(other.images))


def test_a_visit_makes_threads_take_turns_more_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    try:
        st.cache_resource.clear()
        healthy(visit("pages/train.py"))
        assert sys.getswitchinterval() == pytest.approx(frame.SWITCH_S)
    finally:
        sys.setswitchinterval(before)


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def set_blas_threads(count: int) -> None:
    """In a thread that ends: the one that sets the number is the only one that can change it."""
    setter = threading.Thread(target=threadpool_limits, args=(count, "blas"))
    setter.start()
    setter.join()


def test_a_visit_leaves_one_blas_thread():
    before = max(blas_threads())
    set_blas_threads(2)
    assert blas_threads() == {2}
    try:
        st.cache_resource.clear()
        healthy(visit("pages/train.py"))
        assert blas_threads() == {1}
    finally:
        set_blas_threads(before)
