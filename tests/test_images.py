import io

import numpy as np
import pytest
import torch
from PIL import Image

from convae import images as pixels
from convae.data import builtin


def numbered(count):
    return np.arange(1, count + 1, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 32, 32, 3), np.uint8
    )


def opened(data):
    return Image.open(io.BytesIO(data))


def test_a_sheet_of_nothing_is_background():
    sheet = pixels.contact_sheet(np.zeros((0, 32, 32, 3), np.uint8), columns=4)
    assert (sheet == 255).all() and sheet.size


def test_a_sheet_is_filled_row_by_row():
    sheet = pixels.contact_sheet(numbered(5), columns=3, scale=2, gap=4)
    assert sheet.shape == (2 * 68 + 4, 3 * 68 + 4, 3)
    assert sheet[4, 4, 0] == 1 and sheet[4, 72, 0] == 2 and sheet[72, 4, 0] == 4
    assert sheet[0, 0, 0] == 255 and sheet[-5, -5, 0] == 255  # the sixth place is empty


def test_a_sheet_has_no_more_columns_than_images():
    assert pixels.contact_sheet(numbered(2), columns=10, scale=1, gap=0).shape == (32, 64, 3)


def test_enlarging_repeats_pixels():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    large = pixels.enlarge(image, 3)
    assert large.shape == (96, 96, 3) and np.array_equal(large[1::3, 2::3], image)


def test_a_png_holds_the_very_pixels():
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    assert np.array_equal(np.asarray(opened(pixels.png_bytes(image))), image)


@pytest.mark.parametrize("make", [pixels.gif_bytes, pixels.webp_bytes])
def test_a_film_has_every_frame_at_its_pace(make):
    frames, _ = builtin.draw_shapes(5)
    frames[:, :16] = frames[0, :16]  # a part that stands still
    film = opened(make(frames, scale=2, fps=10))
    assert film.n_frames == 5 and film.size == (64, 64) and film.info["loop"] == 0
    for number, frame in enumerate(frames):
        film.seek(number)
        film.load()
        assert film.info["duration"] == 100
        shown = np.asarray(film.convert("RGB"))[::2, ::2].astype(int)
        limit = 0 if make is pixels.webp_bytes else 1  # a GIF has 256 colors a frame
        assert np.abs(shown - frame).mean() <= limit


def test_a_film_of_one_frame_is_a_picture():
    assert opened(pixels.gif_bytes(numbered(1))).size == (128, 128)
    assert opened(pixels.webp_bytes(numbered(1))).size == (128, 128)


def test_feature_maps_are_stretched_from_black_to_white_and_the_flat_ones_come_last():
    maps = np.zeros((3, 4, 4), np.float32)
    maps[1, 0, 0], maps[2, :2] = 5, -1
    pictures = pixels.map_pictures(maps, 2)
    assert pictures.shape == (2, 32, 32, 3) and pictures.dtype == np.uint8
    assert (pictures[0, :8, :8] == 255).all() and pictures[0, 8:].max() == 0
    assert (pictures[1, :16] == 0).all() and (pictures[1, 16:] == 255).all()
    assert pixels.map_pictures(maps, 5)[3:].max() == 0


def test_a_batch_and_back_gives_the_same_images():
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    batch = pixels.to_batch(images)
    assert batch.shape == (3, 3, 32, 32) and str(batch.dtype) == "torch.float32"
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert float(batch[1, 2, 5, 7]) == pytest.approx(images[1, 5, 7, 2] / 255)
    assert np.array_equal(pixels.from_batch(batch), images)


def test_a_batch_can_be_made_of_read_only_or_strided_images():
    images = np.arange(4 * 32 * 32 * 3, dtype=np.uint8).reshape(4, 32, 32, 3)
    images.flags.writeable = False
    assert np.array_equal(pixels.from_batch(pixels.to_batch(images[::2])), images[::2])


def test_a_batch_is_not_a_window_onto_the_images():
    images = np.zeros((1, 32, 32, 3), np.uint8)
    pixels.to_batch(images).fill_(1)
    assert images.max() == 0


def test_from_batch_clamps_rounds_and_shows_nan_as_black():
    torch = pytest.importorskip("torch")
    batch = torch.zeros(1, 3, 32, 32)
    batch[0, 0, 0, :4] = torch.tensor([-1.0, 2.0, 0.5, float("nan")])
    assert pixels.from_batch(batch)[0, 0, :4, 0].tolist() == [0, 255, 128, 0]


def test_to_batch_refuses_floats():
    with pytest.raises(ValueError, match="must be uint8 .* not float64"):
        pixels.to_batch(np.zeros((1, 32, 32, 3)))
