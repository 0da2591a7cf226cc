import io

import numpy as np
import pytest
from PIL import Image

from convae import data
from convae.data.corruptions import CORRUPTIONS
from convae.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)
GRAY = np.full((40, 32, 32, 3), 100, np.uint8)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_corruption_is_a_new_array_that_depends_on_seed_and_strength(kind):
    before, strength = PIXELS.copy(), CORRUPTIONS[kind].default
    damaged = data.corrupt(PIXELS, kind, strength, seed=1)
    assert damaged.dtype == np.uint8 and damaged.shape == PIXELS.shape
    assert not np.array_equal(damaged, PIXELS) and np.array_equal(before, PIXELS)
    assert np.array_equal(damaged, data.corrupt(PIXELS, kind, strength, seed=1))
    assert np.array_equal(damaged[:2], data.corrupt(PIXELS[:2], kind, strength, seed=1))
    assert np.array_equal(data.corrupt(PIXELS, kind, 0), PIXELS)
    other = data.corrupt(PIXELS, kind, strength, seed=2)
    assert np.array_equal(damaged, other) == (kind in ("blur", "jpeg"))
    assert data.corrupt(PIXELS[:0], kind, strength).shape == (0, 32, 32, 3)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_stronger_is_further_from_the_original(kind):
    smooth = GRAY.copy()
    smooth[:, 8:24, 8:24] = (230, 40, 120)
    errors = [
        np.square(data.corrupt(smooth, kind, strength).astype(float) - smooth).mean()
        for strength in (*CORRUPTIONS[kind].curve, CORRUPTIONS[kind].most)
    ]
    assert errors == sorted(errors) and errors[0] > 0


def test_strengths_mean_what_they_say():
    assert data.corrupt(GRAY, "gaussian", 25).std() == pytest.approx(25, rel=0.02)
    assert data.corrupt(GRAY, "speckle", 0.2).std() == pytest.approx(20, rel=0.02)
    black = np.zeros((1, 32, 32, 3), np.uint8)
    assert not data.corrupt(black, "speckle", 1).any()
    specks = data.corrupt(GRAY, "salt_and_pepper", 0.3)
    assert np.isin(specks, (0, 255)).mean() == pytest.approx(0.3, abs=0.01)
    assert (data.corrupt(GRAY, "salt_and_pepper", 1) != 100).all()
    mask = data.corrupt(GRAY, "mask", 16)[..., 0] == 128
    assert set(mask.sum(axis=(1, 2)).tolist()) == {256}
    assert len({image.tobytes() for image in mask}) > 10
    assert (data.corrupt(GRAY, "mask", 32) == 128).all()


def test_blur_agrees_with_scipy():
    from scipy import ndimage

    ours = data.corrupt(PIXELS, "blur", 1).astype(int)
    theirs = ndimage.gaussian_filter(
        PIXELS.astype(float), sigma=(0, 1, 1, 0), mode="mirror", truncate=4
    )
    assert np.abs(ours - theirs).max() <= 1
    assert np.ptp(data.corrupt(PIXELS, "blur", 5).mean(axis=(1, 2))) < 60


def test_jpeg_is_that_of_pillow():
    packed = io.BytesIO()
    Image.fromarray(PIXELS[2]).save(packed, "JPEG", quality=20)
    expected = np.asarray(Image.open(packed))
    np.testing.assert_array_equal(data.corrupt(PIXELS, "jpeg", 80)[2], expected)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_every_description_fits_its_range(kind):
    about = CORRUPTIONS[kind]
    assert 0 < about.curve[0] and list(about.curve) == sorted(about.curve)
    assert about.curve[-1] <= about.most and about.step <= about.default <= about.most


def test_unknown_corruptions_and_strengths_are_refused():
    with pytest.raises(DataError, match="`rain` is not a corruption: give gaussian, salt_and_pep"):
        data.corrupt(PIXELS, "rain", 0.1)
    for strength in (-1, 151, float("nan"), float("inf")):
        with pytest.raises(DataError, match=r"of gaussian must lie in 0..150 \(8-bit units\)"):
            data.corrupt(PIXELS, "gaussian", strength)
