import subprocess
import sys

import numpy as np
import pytest

from convae.data import photographs


def test_the_photographs_are_those_that_the_packages_hand_out():
    from skimage import data
    from sklearn.datasets import load_sample_image

    expected = {
        "astronaut": data.astronaut(), "cat": data.chelsea(), "coffee": data.coffee(),
        "flower": load_sample_image("flower.jpg"), "galaxies": data.hubble_deep_field(),
        "motorcycle": data.stereo_motorcycle()[0], "retina": data.retina(),
        "rocket": data.rocket(), "temple": load_sample_image("china.jpg"),
        "tissue": data.immunohistochemistry(),
    }  # fmt: skip
    found = photographs.photographs()
    assert list(found) == list(expected)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_no_large_package_is_imported_for_the_photos():
    code = "import sys; from convae import data; data.load('photos'); print(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"sklearn", "skimage", "scipy"} & set(process.stdout.split())


def test_photo_splits_share_no_region():
    photo = np.arange(427 * 640, dtype=np.int32).reshape(427, 640, 1)
    train = photographs.photo_regions(photo, "train")
    test = photographs.photo_regions(photo, "test")
    seen = [value for region in train + test for value in region.ravel().tolist()]
    assert sorted(seen) == photo.ravel().tolist()  # each pixel in exactly one region


@pytest.mark.parametrize("split, other", [("train", "test"), ("test", "train")])
def test_crops_of_a_split_depend_on_its_own_regions_alone(monkeypatch, split, other):
    """Blackening the regions of the other split changes no crop."""
    found = {name: photographs.photographs()[name] for name in ("coffee", "temple")}
    monkeypatch.setattr(photographs, "photographs", lambda: found)
    before = photographs.photos(split)[0]
    blackened = {name: photo.copy() for name, photo in found.items()}
    for photo in blackened.values():
        for region in photographs.photo_regions(photo, other):
            region[:] = 0
    monkeypatch.setattr(photographs, "photographs", lambda: blackened)
    assert np.array_equal(photographs.photos(split)[0], before)


def test_every_photograph_is_a_class_with_crops_of_several_scales():
    found = photographs.photographs()
    for split, fewest in (("train", 300), ("test", 150)):
        images, labels, names = photographs.photos(split)
        assert names == tuple(found) and len(names) == 10
        assert np.bincount(labels, minlength=10).min() >= fewest
        assert images.std(axis=(1, 2)).max(axis=1).min() >= photographs.MIN_CONTRAST
    photo = found["temple"]
    rng = np.random.default_rng(0)
    regions = photographs.photo_regions(photo, "test")
    assert [bool(photographs._crops(regions, size, 5, rng)) for size in (32, 192, 512)] == [
        True,
        True,
        False,
    ]


def test_a_crop_at_full_resolution_is_a_piece_of_the_photograph():
    photo = photographs.photographs()["coffee"]
    crop = photographs._crops([photo], 32, 1, np.random.default_rng(0))[0]
    windows = np.lib.stride_tricks.sliding_window_view(photo, (32, 32, 3))[:, :, 0]
    step = photographs.STEP
    assert (windows[::step, ::step] == crop).all(axis=(2, 3, 4)).any()


@pytest.mark.parametrize("low, high", [(0, 256), (100, 148), (255, 256)])
def test_the_contrast_of_a_crop_is_its_largest_standard_deviation(low, high):
    crop = np.random.default_rng(0).integers(low, high, (40, 40, 3), np.uint8)[4:36, 4:36]
    assert photographs._contrast(crop) == pytest.approx(crop.std(axis=(0, 1)).max(), rel=1e-12)
