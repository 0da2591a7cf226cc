import numpy as np
import pytest

from convae import data
from convae.data import disk_cache
from convae.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        np.savez_compressed(tmp_path / "set.npz", **arrays)
        return f"npz:{tmp_path / 'set.npz'}"

    return save


def test_every_built_in_set_is_described_and_opens():
    for spec, sentence in data.SPECS.items():
        data.check_spec(spec)
        assert sentence.endswith(".") and "test" in data.splits(spec)
    found = data.load("digits")
    assert (found.name, found.split, len(found)) == ("digits", "test", 360)


def test_shapes_report_their_progress():
    reports = []
    data.load("shapes", "test", lambda *report: reports.append(report))
    assert reports[-1] == (2000, 2000, "drawing shapes") and len(reports) == 10


@pytest.mark.parametrize("spec", ["", "cifar100", "folder", "folder:", "npz:", "shapes:x", "a:b"])
def test_an_unknown_set_names_the_known_ones(spec):
    with pytest.raises(DataError, match="not an image set: give sample, cifar10, shapes, digits, "):
        data.check_spec(spec)
    with pytest.raises(DataError, match="not an image set"):
        data.load(spec)


@pytest.mark.parametrize("path", ["/no/such/place", "~nobody/x", "a\0b", "x" * 5000])
@pytest.mark.parametrize("kind", ["folder", "npz"])
def test_a_path_to_nothing_is_said_before_any_work(kind, path):
    with pytest.raises(DataError, match="does not exist: check the path"):
        data.check_spec(f"{kind}:{path}")


def test_a_folder_is_no_npz(tmp_path):
    with pytest.raises(DataError, match="is not a file; images in a folder are `folder:"):
        data.check_spec(f"npz:{tmp_path}")


def test_an_unknown_split_is_refused():
    with pytest.raises(DataError, match="`val` is not a split: give train or test"):
        data.load("digits", "val")


def test_an_npz_gives_its_arrays(save):
    labels = np.array([0, 1, 1, 0, 1, 0], np.uint8)
    spec = save(train_images=PIXELS, train_labels=labels, class_names=np.array(["cat", "dog"]))
    found = data.load(spec, "train")
    assert np.array_equal(found.images, PIXELS) and found.labels.tolist() == labels.tolist()
    assert found.labels.dtype == np.int64 and found.class_names == ("cat", "dog")
    assert data.splits(spec) == ("train",)


def test_a_missing_split_says_which_exist(save):
    with pytest.raises(DataError, match="has no test split; it has: train"):
        data.load(save(train_images=PIXELS), "test")


def test_labels_and_class_names_may_be_missing(save):
    found = data.load(save(test_images=PIXELS))
    assert found.class_names == ("all",) and found.labels.tolist() == [0] * 6
    found = data.load(save(test_images=PIXELS, test_labels=[0, 2, 1, 0, 2, 1]))
    assert found.class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"test_images": PIXELS / 255}, r"is float64 \(6, 32, 32, 3\); it must be uint8"),
        ({"test_images": PIXELS[:, :28]}, r"is uint8 \(6, 28, 32, 3\); it must be uint8"),
        ({"test_images": PIXELS[:0]}, "with N at least 1"),
        ({"test_images": np.uint8(3)}, r"is uint8 \(\)"),
        ({"test_labels": np.zeros(5, int)}, r"is int64 \(5,\); .* each of the 6 images"),
        ({"test_labels": np.zeros(6)}, "is float64 .* one integer"),
        ({"test_labels": np.arange(6), "class_names": ["a", "b"]}, "from 0 to 5, but there are 2"),
        ({"test_labels": -np.ones(6, int)}, "from -1 to -1"),
        ({"test_images": np.array([{}])}, "damaged or holds Python objects; write plain"),
        ({"test_labels": np.array([None] * 6)}, "`test_labels` .* holds Python objects"),
    ],
)
def test_wrong_arrays_are_refused_with_what_they_are(arrays, message, save):
    with pytest.raises(DataError, match=message) as caught:
        data.load(save(**({"test_images": PIXELS} | arrays)))
    assert "allow_pickle" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04junk", b"\x93NUMPY\x01\x00"])
def test_what_is_no_npz_is_refused(content, tmp_path):
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(DataError, match="is not a .npz file: write it with numpy.savez"):
        data.load(f"npz:{tmp_path / 'set.npz'}")


def test_equal_content_has_an_equal_fingerprint(save):
    one = data.load(save(test_images=PIXELS)).fingerprint
    assert data.load(save(test_images=PIXELS)).fingerprint == one
    other = PIXELS.copy()
    other[0, 0, 0, 0] ^= 1
    assert data.load(save(test_images=other)).fingerprint != one


def test_take_keeps_images_and_labels_together(save):
    found = data.load(save(test_images=PIXELS, test_labels=np.arange(6)))
    part = found.take([4, 1])
    assert np.array_equal(part.images, PIXELS[[4, 1]]) and part.labels.tolist() == [4, 1]
    assert len(part) == 2 and part.class_names == found.class_names
    assert part.fingerprint == found.take(np.array([4, 1])).fingerprint != found.fingerprint
    assert len(found.take(found.labels > 3)) == 2 and len(found.take(slice(3))) == 3


def test_a_sample_is_drawn_once_and_for_all_and_keeps_the_order():
    whole = data.load("digits", "test")
    some = whole.sample(20)
    assert len(some) == 20 and some.fingerprint == whole.sample(20).fingerprint
    assert len(set(some.labels.tolist())) > 3
    assert whole.sample(len(whole)) is whole


@pytest.mark.parametrize("label", [10_000, 10**9, 2**62, 2**64 - 1])
def test_a_huge_label_without_class_names_is_one_sentence(save, label):
    labels = np.array([0, 1, 2, 3, 4, label], np.uint64)
    with pytest.raises(DataError, match=f"to {label}, but the limit is 10000 classes"):
        data.load(save(test_images=PIXELS, test_labels=labels))


def test_not_a_number_is_no_label(save):
    with pytest.raises(DataError, match="is float64 .* one integer"):
        data.load(save(test_images=PIXELS, test_labels=np.full(6, np.nan)))


def test_classes_without_names_are_counted_over_both_splits(save):
    spec = save(
        train_images=PIXELS, train_labels=[0, 1, 2, 3, 4, 7],
        test_images=PIXELS, test_labels=[0, 0, 0, 0, 0, 1],
    )  # fmt: skip
    assert data.load(spec, "test").class_names == data.load(spec, "train").class_names
    assert len(data.load(spec, "test").class_names) == 8


@pytest.mark.parametrize("kind", ["folder", "npz"])
def test_a_device_is_neither_a_folder_nor_a_file(kind):
    with pytest.raises(DataError, match="/dev/zero` is not a .*file"):
        data.check_spec(f"{kind}:/dev/zero")


def test_class_names_that_cannot_be_encoded_or_shown_are_replaced_at_load(save):
    given = ["cat", "\ud800", "\udfff", "a\nb\x00c", "\x1b[31mred", "caf\u00e9 \u732b"]
    images, labels = np.zeros((6, 32, 32, 3), np.uint8), np.arange(6)
    found = data.load(
        save(test_images=images, test_labels=labels, class_names=np.array(given))
    ).class_names
    assert found == (
        "cat", "\ufffd", "\ufffd (2)", "a\ufffdb\ufffdc", "\ufffd[31mred", "caf\u00e9 \u732b"
    )  # fmt: skip
    "".join(found).encode()


def test_replaced_class_names_stay_different_from_those_that_are_there():
    assert disk_cache.printable(["\ufffd", "\ud800", "b", "b"]) == (
        "\ufffd",
        "\ufffd (2)",
        "b",
        "b",
    )


def test_an_npz_of_an_unknown_zip_version_is_named(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, test_images=np.zeros((2, 32, 32, 3), np.uint8))
    content = bytearray(path.read_bytes())
    content[content.rfind(b"PK\1\2") + 6] = 255
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not a .npz file"):
        data.load(f"npz:{path}", "test")
