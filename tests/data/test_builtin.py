import numpy as np
import pytest

from convae import data
from convae.data import builtin, photographs


@pytest.fixture(scope="module")
def sets():
    makers = (builtin.shapes, builtin.digits, photographs.photos)
    return {(make.__name__, s): make(s) for make in makers for s in ("train", "test")}


@pytest.mark.parametrize("name", ["shapes", "digits", "photos"])
def test_no_image_is_in_both_splits(sets, name):
    train, test = sets[name, "train"], sets[name, "test"]
    seen = {image.tobytes() for image in train[0]}
    assert not any(image.tobytes() in seen for image in test[0])
    assert train[2] == test[2]


@pytest.mark.parametrize("name", ["shapes", "digits", "photos"])
def test_images_and_labels_are_as_promised(sets, name):
    for split in ("train", "test"):
        images, labels, class_names = sets[name, split]
        assert images.dtype == np.uint8 and images.shape == (len(labels), 32, 32, 3)
        assert images.flags.c_contiguous and labels.dtype == np.int64
        assert set(labels.tolist()) == set(range(len(class_names)))
        assert len(set(labels[:20].tolist())) > 1  # not sorted by class


def test_there_are_10000_shapes_to_train_on_and_2000_to_test_on(sets):
    assert np.bincount(sets["shapes", "train"][1]).tolist() == [1000] * 10
    assert np.bincount(sets["shapes", "test"][1]).tolist() == [200] * 10


def test_shapes_are_the_same_for_the_same_seed_and_others_for_another():
    images, labels = builtin.draw_shapes(50, seed=3)
    again, labels_again = builtin.draw_shapes(50, seed=3)
    other, _ = builtin.draw_shapes(50, seed=4)
    assert np.array_equal(images, again) and np.array_equal(labels, labels_again)
    assert not np.array_equal(images, other)


def test_the_classes_of_shapes_can_be_told_apart(sets):
    from sklearn.decomposition import PCA
    from sklearn.neighbors import KNeighborsClassifier

    train, test = sets["shapes", "train"], sets["shapes", "test"]
    flat = [part[0][:2000].reshape(-1, 3072) / 255 for part in (train, test)]
    pca = PCA(48, random_state=0).fit(flat[0])
    model = KNeighborsClassifier(5).fit(pca.transform(flat[0]), train[1][:2000])
    assert model.score(pca.transform(flat[1]), test[1][:2000]) > 0.8


def test_color_alone_does_not_tell_the_class(sets):
    images, labels, _ = sets["shapes", "train"]
    means = images.mean(axis=(1, 2))
    spread = np.array([means[labels == label].std(axis=0).mean() for label in range(10)])
    assert spread.min() > 15  # of 255: each class comes in many colors and on many grounds


@pytest.mark.parametrize("shape", builtin.SHAPES)
def test_distances_are_distances(shape):
    axis = np.linspace(-1.3, 1.3, 261)
    u, v = np.meshgrid(axis, axis)
    distance = builtin._distance(shape, u, v)
    slope = np.hypot(*np.gradient(distance, axis, axis))
    assert 0.95 < np.quantile(slope[np.abs(distance) < 0.1], 0.5) < 1.05
    assert distance.min() < -0.15 and distance.max() > 0.3
    covered = np.hypot(u, v)[distance < 0]
    assert 0.85 < covered.max() < 1.1  # every shape fills about the same circle


def test_colors_are_those_of_the_standard_library():
    import colorsys

    hsv = np.random.default_rng(0).uniform(0, 1, (3, 50, 1, 1))
    ours = builtin._color(*hsv).reshape(-1, 3)
    theirs = [colorsys.hsv_to_rgb(*column) for column in hsv.reshape(3, -1).T]
    assert np.allclose(ours, theirs, atol=1e-6)


def test_the_digits_are_all_there(sets):
    assert len(sets["digits", "train"][0]) + len(sets["digits", "test"][0]) == 1797


def test_the_digits_have_64_numbers_an_image(sets):
    """Which is declared as their real dimension: 64 components leave rounding errors only."""
    assert data.real_dimension("digits") == 64 == data.load("digits").real_dimension
    assert data.real_dimension("shapes") == data.VALUES == 3072
    flat = sets["digits", "test"][0].reshape(360, -1).astype(float)
    values = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False)
    shares = np.cumsum(values**2) / np.sum(values**2)
    assert shares[63] > 0.997 and shares[31] < 0.99


def test_images_from_outside_are_images_and_the_last_is_shifted():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    found = builtin.outside(image)
    for each in found.values():
        assert each.shape == (32, 32, 3) and each.dtype == np.uint8
    assert (found["shifted by a pixel"][:, 1:] == image[:, :-1]).all()
    assert len(np.unique(found["checks of 1 pixel"])) == 2
    assert np.ptp(found["flat color"], axis=(0, 1)).max() == 0
