import errno
import os
import threading

import numpy as np
import pytest

from convae.data import disk_cache
from convae.errors import DataError


@pytest.fixture
def data_dir(own_folders):
    return own_folders / "data"


def fill_with(value, count=3):
    def fill(writer):
        images = np.full((count, 32, 32, 3), value, np.uint8)
        writer.add("train", images, range(count))
        return tuple("abc")

    return fill


def never(writer):
    raise AssertionError("made a second time")


def test_the_data_dir_is_read_at_every_call(monkeypatch):
    monkeypatch.setenv("CONVAE_DATA_DIR", "elsewhere")
    assert str(disk_cache.data_dir()) == "elsewhere"
    monkeypatch.delenv("CONVAE_DATA_DIR")
    assert str(disk_cache.data_dir()) == "data"


def test_a_set_is_made_once():
    made = disk_cache.kept("a", fill_with(7))
    again = disk_cache.kept("a", never)
    images, labels = again.arrays("train")
    assert images.shape == (3, 32, 32, 3) and (images == 7).all() and labels.tolist() == [0, 1, 2]
    assert again.class_names == ("a", "b", "c") and again.splits == made.splits


def test_its_fingerprint_is_that_of_its_content():
    found = disk_cache.kept("a", fill_with(7))
    images, labels = found.arrays("train")
    expected = disk_cache.fingerprint(np.array(images), labels, "abc")
    assert found.splits["train"]["fingerprint"] == expected
    assert disk_cache.kept("b", fill_with(7)).splits == found.splits
    assert disk_cache.kept("c", fill_with(8)).splits != found.splits
    assert disk_cache.fingerprint(images, labels, "abd") != expected


def test_images_come_in_the_order_of_their_keys():
    def fill(writer):
        images = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones(disk_cache.IMAGE_SHAPE)
        writer.add("test", images[:2], [0, 1], [b"d", b"b"])
        writer.add("test", images[2:], [2, 3], [b"a", b"c"])
        return tuple("abcd")

    images, labels = disk_cache.kept("a", fill).arrays("test")
    assert labels.tolist() == [2, 1, 3, 0] and images[:, 0, 0, 0].tolist() == [2, 1, 3, 0]


def test_writing_to_the_images_does_not_change_the_file():
    images, _ = disk_cache.kept("a", fill_with(7)).arrays("train")
    images[:] = 0
    assert (disk_cache.opened("a").arrays("train")[0] == 7).all()


def test_a_set_that_is_not_whole_is_made_again(data_dir):
    disk_cache.kept("a", fill_with(7))
    with open(data_dir / "sets" / "a" / "train.images", "ab") as file:
        file.truncate(100)
    assert disk_cache.opened("a") is None
    assert (disk_cache.kept("a", fill_with(8)).arrays("train")[0] == 8).all()


def test_a_builder_that_fails_or_was_killed_leaves_nothing(data_dir):
    leftover = data_dir / "sets" / "a.12345.part"
    leftover.mkdir(parents=True)

    def fail(writer):
        fill_with(7)(writer)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        disk_cache.kept("a", fail)
    assert [path.name for path in (data_dir / "sets").iterdir()] == ["a.lock"]


def test_older_states_of_a_source_are_removed(data_dir):
    disk_cache.kept("folder-x-1", fill_with(1), supersedes="folder-x")
    disk_cache.kept("folder-y-1", fill_with(1), supersedes="folder-y")
    disk_cache.kept("folder-x-2", fill_with(2), supersedes="folder-x")
    folders = sorted(path.name for path in (data_dir / "sets").iterdir() if path.is_dir())
    assert folders == ["folder-x-2", "folder-y-1"]


def test_of_many_builders_one_builds_and_all_get_the_set():
    waiting = (0, None, "waiting for another process that is making it")
    builds, found, waits, one_waits = [], [], [], threading.Event()

    def fill(writer):
        builds.append(1)
        one_waits.wait(30)  # until another thread has found the lock taken
        return fill_with(7)(writer)

    def report(*progress):
        waits.append(progress)
        if progress == waiting:
            one_waits.set()

    def build():
        found.append(disk_cache.kept("a", fill, report).arrays("train"))

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1 and len(found) == 4
    assert waiting in waits


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "is full: free some space, or set CONVAE_DATA_DIR"),
        (errno.EROFS, "Nothing can be written to .*sets: set CONVAE_DATA_DIR"),
        (errno.EIO, "failed: Input/output error"),
    ],
)
def test_what_a_disk_does_is_said_in_a_sentence(number, message, data_dir):
    def fill(writer):
        fill_with(7)(writer)
        raise OSError(number, os.strerror(number))

    with pytest.raises(DataError, match=message):
        disk_cache.kept("a", fill)
    assert disk_cache.opened("a") is None and not list((data_dir / "sets").glob("*.part"))


@pytest.mark.parametrize(
    "about",
    ['{"class_names": [1], "splits": {}, "unreadable": 0}', "[]", "[" * 100_000,
     '{"class_names": ["a"], "splits": {"test": {"count": 0}}, "unreadable": 0}',
     '{"class_names": ["a"], "splits": {"test": []}, "unreadable": 0}'],
    ids=range(5),
)  # fmt: skip
def test_a_damaged_description_of_a_set_is_no_set(about, tmp_path):
    (tmp_path / "set.json").write_text(about)
    (tmp_path / "test.images").touch()
    (tmp_path / "test.labels").touch()
    assert disk_cache.opened_in(tmp_path) is None


def test_class_names_keep_no_mark_of_direction():
    assert disk_cache.printable(["a\u202egnp.exe", "b"]) == ("a\ufffdgnp.exe", "b")
