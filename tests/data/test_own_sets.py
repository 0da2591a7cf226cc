"""Sets of a visitor: labels and splits from names, kept sets by name."""

import numpy as np
import pytest

from convae import data
from convae.data import own_sets
from convae.errors import DataError


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)


def some(count: int = 40) -> own_sets.Arranged:
    names = [f"flowers/{'rose' if n % 2 else 'tulip'}/{n}.png" for n in range(count)]
    return own_sets.arranged(images(count), names)


def test_class_folders_give_labels_and_a_tenth_is_held_out():
    result = some()
    assert result.class_names == ("rose", "tulip") and not result.notes
    assert result.labels.tolist() == [1, 0] * 20
    assert result.is_test.sum() == 4 and np.array_equal(result.is_test, some().is_test)


def test_each_class_is_held_out_in_proportion():
    sizes = {"few": 10, "many": 300, "some": 60}
    names = [f"{kind}/{n}.png" for kind, size in sizes.items() for n in range(size)]
    result = own_sets.arranged(images(len(names)), names)
    assert np.bincount(result.labels[result.is_test]).tolist() == [1, 30, 6]


def test_train_and_test_folders_are_the_splits_and_the_rest_is_named():
    names = ["train/a/1.png", "train/b/2.png", "test/a/3.png", "other/4.png"]
    result = own_sets.arranged(images(4), names)
    assert result.is_test.tolist() == [False, False, True]
    assert result.labels.tolist() == [0, 1, 0] and result.class_names == ("a", "b")
    assert result.notes == ("Left out, beside the folders train and test: 1 of 4 images.",)


def test_images_side_by_side_are_of_one_class():
    result = own_sets.arranged(images(3), ["1.png", "2.png", "3.png"])
    assert result.class_names == ("all",) and result.is_test.sum() == 1


def test_images_without_a_folder_beside_class_folders_are_unlabeled():
    folders = [f"flowers/{kind}/{n}.png" for kind in ("rose", "zinnia") for n in range(10)]
    for names in (folders, [name.removeprefix("flowers/") for name in folders]):
        result = own_sets.arranged(images(22), [*names, "pasted.png", "2 pasted.png"])
        assert result.class_names == ("rose", "zinnia", "unlabeled")
        assert result.labels.tolist() == [0] * 10 + [1] * 10 + [2] * 2


def test_too_many_class_folders_are_no_classes():
    count = own_sets.MAX_CLASSES + 1
    result = own_sets.arranged(images(count), [f"{n}/1.png" for n in range(count)])
    assert result.class_names == ("all",) and not result.labels.any()
    assert "at most 100 are used as classes" in result.notes[0]


def test_no_images_make_an_empty_set():
    result = own_sets.arranged(images(0), [])
    assert len(result.images) == 0 and result.training_count == 0


def test_a_kept_set_loads_by_its_spec_like_any_other():
    result = some()
    spec = own_sets.keep("my-flowers", result)
    assert spec == "own:my-flowers" and own_sets.specs() == [spec]
    train, test = data.load(spec, "train"), data.load(spec, "test")
    assert np.array_equal(train.images, result.images[~result.is_test])
    assert np.array_equal(test.labels, result.labels[result.is_test])
    assert test.class_names == ("rose", "tulip") and test.name == spec
    assert data.splits(spec) == ("train", "test")
    assert own_sets.training_count(spec) == 36


def test_the_stamp_tells_another_set_of_the_same_name():
    own_sets.keep("x", some())
    before = data.stamp("own:x")
    own_sets.delete("x")
    own_sets.keep("x", some(30))
    assert data.stamp("own:x") != before


def test_a_deleted_set_is_gone_and_the_sentence_names_the_others(own_folders):
    own_sets.keep("x", some())
    own_sets.keep("y", some())
    own_sets.delete("x")
    with pytest.raises(DataError, match="No set `x` is kept on this machine; kept are: y"):
        data.check_spec("own:x")
    assert [path.name for path in (own_folders / "data" / "own").iterdir() if path.is_dir()] == [
        "y"
    ]


@pytest.mark.parametrize("name", ["", "..", "../x", "A", "a b", "a/b", "-a", "a" * 49, "a\n", "ä"])
def test_names_that_could_be_paths_are_refused(name, own_folders):
    with pytest.raises(DataError, match="cannot be the name of a set"):
        own_sets.keep(name, some())
    with pytest.raises(DataError):
        data.check_spec(f"own:{name}")
    assert not (own_folders / "data").exists()


def test_a_taken_name_is_refused_and_the_first_set_stays():
    own_sets.keep("x", some())
    with pytest.raises(DataError, match="A set `x` is kept already"):
        own_sets.keep("x", some(20))
    assert len(data.load("own:x", "train")) == 36


def test_the_number_of_kept_sets_is_limited(monkeypatch):
    monkeypatch.setattr(own_sets, "MAX_KEPT", 1)
    own_sets.keep("x", some())
    with pytest.raises(DataError, match="At most 1 sets are kept"):
        own_sets.keep("y", some())


def test_a_link_or_a_damaged_folder_is_no_set(own_folders, tmp_path):
    own_sets.keep("x", some())
    root = own_folders / "data" / "own"
    (root / "link").symlink_to(root / "x")
    (root / "broken").mkdir()
    assert own_sets.names() == ["x"]
    own_sets.keep("broken", some())  # takes the place of what cannot be opened
    assert own_sets.names() == ["broken", "x"]


@pytest.mark.parametrize(("count", "training"), [(1, 0), (3, 2), (2, 1)])
def test_a_set_too_small_to_train_on_says_so(count, training):
    spec = own_sets.keep("few", some(count))
    with pytest.raises(DataError, match=f"`own:few` has {training} training images, at least 3"):
        own_sets.check_trainable(spec)


def test_other_specs_and_large_enough_sets_can_be_trained_on():
    own_sets.check_trainable(own_sets.keep("enough", some(4)))
    own_sets.check_trainable("shapes")


def test_few_images_and_few_steps_are_named():
    few, many = own_sets.keep("few", some()), own_sets.keep("many", some(300))
    assert own_sets.training_note(few, 64, 8) == (
        "`few` has only 36 training images: the model will mostly memorize them. With these "
        "settings training takes only 8 steps: choose 500 epochs or more for at least 500 steps."
    )
    assert own_sets.training_note(many, 32, 8).startswith(
        "With these settings training takes only 64 steps: choose 63 epochs"
    )
    assert own_sets.training_note(many, 32, 63) is None
    assert own_sets.training_note("shapes", 64, 1) is None
