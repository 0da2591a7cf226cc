import numpy as np
import pytest

from convae import data
from convae.errors import DataError
from convae.tasks import anomaly_groups
from convae.tasks.anomaly_groups import Choice, groups, parse


def test_a_set_and_its_classes_are_told_apart(tmp_path):
    assert parse("shapes") == Choice("shapes")
    assert parse("shapes:star, ring") == Choice("shapes", ("star", "ring"))
    assert parse("noise") == Choice("noise")
    path = tmp_path / "a:b.npz"
    np.savez(path, test_images=np.zeros((3, 32, 32, 3), np.uint8))
    assert parse(f"npz:{path}") == Choice(f"npz:{path}")
    assert parse(f"npz:{path}:all") == Choice(f"npz:{path}", ("all",))


@pytest.mark.parametrize("text", ["rain", "folder:/nowhere:cat", "", ":", "shape:star"])
def test_a_set_that_does_not_exist_is_one_sentence(text):
    with pytest.raises(DataError):
        parse(text)


def test_one_class_against_the_others():
    found = groups(parse("digits:3"), parse("digits"))
    assert set(found.fit.labels) == set(found.normal.labels) == {3}
    assert set(found.suspects.labels) == set(range(10)) - {3}
    assert (found.fit.split, found.normal.split, found.suspects.split) == ("train", "test", "test")


def test_limits_keep_a_sample():
    found = groups(parse("digits:3"), parse("shapes:star,ring"), limit=5, fit_limit=20)
    assert [len(each) for each in found] == [20, 5, 5]
    names = {found.suspects.class_names[label] for label in found.suspects.labels}
    assert names <= {"star", "ring"}


def test_a_set_without_a_second_split_is_halved(tmp_path):
    images = np.arange(7, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "one.npz", test_images=images)
    found = groups(parse(f"npz:{tmp_path}/one.npz"), parse("noise"))
    kept = np.concatenate([found.fit.images, found.normal.images])[:, 0, 0, 0]
    assert sorted(kept.tolist()) == list(range(7)) and len(found.fit) == 3


def test_one_image_alone_is_a_sentence(tmp_path):
    np.savez(tmp_path / "one.npz", test_images=np.zeros((1, 32, 32, 3), np.uint8))
    with pytest.raises(DataError, match="at least two normal images"):
        groups(parse(f"npz:{tmp_path}/one.npz"), parse("noise"))


@pytest.mark.parametrize(
    ("normal", "suspects", "words"),
    [
        ("digits", "digits", "choose one of its classes"),
        ("digits:3", "digits:3,4", "choose one of its classes"),
        ("digits:three", "shapes", "has no class `three`; it has: 0, 1, 2"),
        ("digits", "shapes:cube", "has no class `cube`"),
        ("noise", "shapes", "for suspects only"),
    ],
)
def test_groups_that_cannot_be_are_one_sentence(normal, suspects, words):
    with pytest.raises(DataError, match=words):
        groups(parse(normal), parse(suspects))


def test_a_set_with_one_class_has_no_other_classes(tmp_path):
    np.savez(tmp_path / "one.npz", test_images=np.zeros((4, 32, 32, 3), np.uint8))
    with pytest.raises(DataError, match="no suspect images"):
        groups(parse(f"npz:{tmp_path}/one.npz:all"), parse(f"npz:{tmp_path}/one.npz"))


def test_a_class_without_test_images_is_one_sentence(tmp_path):
    images = np.zeros((4, 32, 32, 3), np.uint8)
    np.savez(
        tmp_path / "a.npz", train_images=images, train_labels=[0, 0, 1, 1], test_images=images,
        test_labels=[0, 0, 0, 0], class_names=["cat", "dog"],
    )  # fmt: skip
    with pytest.raises(DataError, match="no image of dog"):
        groups(parse(f"npz:{tmp_path}/a.npz:dog"), parse("noise"))


@pytest.mark.parametrize("kind", anomaly_groups.GENERATED)
def test_generated_images_are_the_same_every_time(kind):
    one, two = (anomaly_groups.generated(kind, 20) for _ in range(2))
    assert one.fingerprint == two.fingerprint and one.images.shape == (20, 32, 32, 3)
    assert len(np.unique(one.images.reshape(20, -1), axis=0)) == 20
    if kind == "checkerboards":
        assert all(len(np.unique(image.reshape(-1, 3), axis=0)) <= 2 for image in one.images)


def test_images_come_from_the_loader_that_is_given():
    asked = []

    def load(spec, split):
        asked.append((spec, split))
        return data.load(spec, split)

    groups(parse("digits:3"), parse("digits:4"), load=load)
    assert asked == [("digits", "train"), ("digits", "test"), ("digits", "test")]
