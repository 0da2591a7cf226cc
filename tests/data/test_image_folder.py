import io
import os
import tarfile
import threading
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from convae import data
from convae.data import folder_layout, image_folder
from convae.errors import DataError
from convae.ui import caches


@pytest.fixture
def data_dir(own_folders):
    return own_folders / "data"


def picture(value, kind="PNG", size=(32, 32)):
    buffer = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(buffer, kind)
    return buffer.getvalue()


def write(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return f"folder:{root}"


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return f"folder:{path}"


def write_tar(path, files):
    with tarfile.open(path, "w:xz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return f"folder:{path}"


def values(found):
    return sorted(found.images[:, 0, 0, 0].tolist())


IMAGE_FOLDER = {
    "train/cat/1.png": picture(10),
    "train/cat/2.png": picture(11),
    "train/ant/1.jpg": picture(20, "JPEG", (90, 50)),
    "test/ant/1.png": picture(30),
    "readme.txt": b"hello",
    "junk/x.png": picture(99),
}


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "wrapped"])
def test_an_image_folder_is_read_with_its_splits_and_classes(kind, tmp_path):
    if kind == "folder":
        spec = write(tmp_path / "set", IMAGE_FOLDER)
    elif kind == "zip":
        spec = write_zip(tmp_path / "set.zip", IMAGE_FOLDER)
    elif kind == "tar":
        spec = write_tar(tmp_path / "set.tar.xz", IMAGE_FOLDER)
    else:
        wrapped = {f"some/where/{name}": content for name, content in IMAGE_FOLDER.items()}
        spec = write_tar(tmp_path / "set.tar.xz", wrapped)
    train, test = data.load(spec, "train"), data.load(spec, "test")
    assert data.splits(spec) == ("train", "test")
    assert train.class_names == test.class_names == ("ant", "cat")
    assert values(train) == [10, 11, 20] and values(test) == [30]
    assert dict(zip(train.images[:, 0, 0, 0].tolist(), train.labels.tolist(), strict=True)) == {
        10: 1,
        11: 1,
        20: 0,
    }
    assert train.name == spec and train.split == "train"


def test_a_folder_and_its_zip_give_the_same_set(tmp_path):
    by_folder = data.load(write(tmp_path / "set", IMAGE_FOLDER), "train")
    by_zip = data.load(write_zip(tmp_path / "set.zip", IMAGE_FOLDER), "train")
    by_tar = data.load(write_tar(tmp_path / "set.tar", IMAGE_FOLDER), "train")
    assert by_folder.fingerprint == by_zip.fingerprint == by_tar.fingerprint


def test_a_tenth_is_held_out_where_there_is_no_test_split(tmp_path):
    spec = write(tmp_path / "set", {f"c{n % 2}/{n}.png": picture(n) for n in range(40)})
    train, test = data.load(spec, "train"), data.load(spec, "test")
    assert len(test) == 4 and values(train) + values(test) != list(range(40))
    assert sorted(values(train) + values(test)) == list(range(40))
    assert train.class_names == ("c0", "c1")
    assert (test.images[:, 0, 0, 0] % 2 == test.labels).all()


def test_images_side_by_side_have_one_class(tmp_path):
    spec = write(tmp_path / "set", {f"{n}.png": picture(n) for n in range(12)})
    train = data.load(spec, "train")
    assert train.class_names == ("all",) and set(train.labels.tolist()) == {0} and len(train) == 11


def test_train_alone_may_be_flat_too(tmp_path):
    spec = write(tmp_path / "set", {f"train/{n}.png": picture(n) for n in range(10)})
    assert len(data.load(spec, "train")) == 9 and len(data.load(spec, "test")) == 1


def test_val_stands_in_for_test():
    placed, _ = folder_layout.arrange(["train/a/1.png", "train/b/2.png", "val/a/3.png"])
    assert placed["val/a/3.png"] == ("test", "a")


def test_the_held_out_stay_held_out_when_images_are_added():
    names = [f"{n}.png" for n in range(1000)]
    before, _ = folder_layout.arrange(names)
    after, _ = folder_layout.arrange(names + [f"new{n}.png" for n in range(50)])
    test_before = {name for name in names if before[name][0] == "test"}
    test_after = {name for name in names if after[name][0] == "test"}
    assert len(test_before) == 100 and len(test_before & test_after) > 90


def test_what_is_held_out_is_capped(monkeypatch):
    monkeypatch.setattr(folder_layout, "HOLD_OUT_MOST", 10)
    placed, _ = folder_layout.arrange([f"{n}.png" for n in range(200)])
    assert sum(split == "test" for split, _ in placed.values()) == 10


def test_class_folders_in_one_folder_are_not_taken_for_a_wrapper():
    assert folder_layout.arrange(["cat/1.png", "cat/2.png"])[1] == ("cat",)
    assert folder_layout.arrange(["set/cat/1.png", "set/ant/2.png"])[1] == ("ant", "cat")


def test_cifar10_classes_come_in_their_own_order():
    own = "airplane automobile bird cat deer dog frog horse ship truck".split()
    assert folder_layout.arrange([f"train/{name}/1.png" for name in reversed(own)])[1] == tuple(own)


def test_links_are_followed_and_do_not_lead_in_circles(tmp_path):
    write(tmp_path / "real", {"cat/1.png": picture(1), "ant/1.png": picture(2)})
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train").symlink_to(tmp_path / "real")
    (tmp_path / "set" / "test").symlink_to(tmp_path / "real2")
    (tmp_path / "real" / "cat" / "up").symlink_to(tmp_path / "set")
    (tmp_path / "real" / "gone.png").symlink_to(tmp_path / "nothing")
    assert len(data.load(f"folder:{tmp_path / 'set'}", "train")) == 1


def test_the_second_time_nothing_is_decoded(tmp_path, monkeypatch):
    spec = write(tmp_path / "set", IMAGE_FOLDER)
    reports = []
    first = data.load(spec, "train", lambda *report: reports.append(report))
    assert reports[-1] == (4, 4, "reading images")
    monkeypatch.setattr(image_folder.decoding, "decode", None)
    again = data.load(spec, "train", lambda *report: reports.append(report))
    assert again.fingerprint == first.fingerprint and len(reports) == 1
    assert isinstance(again.images, np.memmap)


@pytest.mark.parametrize("change", ["added", "removed", "replaced", "touched"])
def test_a_changed_folder_is_read_again(change, tmp_path, data_dir):
    spec = write(tmp_path / "set", IMAGE_FOLDER)
    first = data.load(spec, "train")
    one = tmp_path / "set" / "train" / "cat" / "1.png"
    if change == "added":
        (one.parent / "3.png").write_bytes(picture(50))
    elif change == "removed":
        one.unlink()
    elif change == "replaced":
        before = one.stat()
        one.write_bytes(picture(50))
        os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    else:
        os.utime(one, (1, 1))
    second = data.load(spec, "train")
    assert (second.fingerprint == first.fingerprint) == (change == "touched")
    assert len(list((data_dir / "sets").glob("folder-*-*"))) == 1  # the older state is gone


@pytest.mark.parametrize("change", ["added", "removed", "replaced", "overwritten"])
@pytest.mark.parametrize("fresh", [data.load, caches.image_set], ids=["package", "app"])
def test_a_change_inside_a_class_folder_is_noticed_without_reading_the_images_again(
    fresh, change, tmp_path, monkeypatch
):
    monkeypatch.setattr(caches, "QUICK_S", float("inf"))  # however slow this machine is now
    spec = write(tmp_path / "set", IMAGE_FOLDER)
    assert values(fresh(spec, "train")) == [10, 11, 20]
    one = tmp_path / "set" / "train" / "cat" / "1.png"
    with monkeypatch.context() as patch:  # nothing has changed: nothing is decoded
        patch.setattr(image_folder.decoding, "decode", None)
        assert values(fresh(spec, "train")) == [10, 11, 20]
    before, top = one.stat(), (tmp_path / "set").stat().st_mtime_ns
    if change == "added":
        (one.parent / "3.png").write_bytes(picture(50))
    elif change == "removed":
        one.unlink()
    elif change == "replaced":
        (tmp_path / "new").write_bytes(picture(50))
        os.utime(tmp_path / "new", ns=(1, before.st_mtime_ns + 1))
        os.replace(tmp_path / "new", one)
    else:  # in place: no directory changes its time
        one.write_bytes(picture(50))
        os.utime(one, ns=(1, before.st_mtime_ns + 1))
    assert (tmp_path / "set").stat().st_mtime_ns == top
    expected = {"added": [10, 11, 20, 50], "removed": [11, 20]}.get(change, [11, 20, 50])
    assert values(fresh(spec, "train")) == expected


def test_a_folder_that_takes_long_to_look_through_is_not_in_every_script_run(tmp_path, monkeypatch):
    monkeypatch.setattr(caches, "QUICK_S", -1.0)
    monkeypatch.setattr(caches, "RESCAN_S", float("inf"))
    spec = write(tmp_path / "set", IMAGE_FOLDER)
    looks, look = [], data.stamp
    monkeypatch.setattr(data, "stamp", lambda spec: looks.append(spec) or look(spec))
    for _ in range(3):
        assert len(caches.image_set(spec, "train")) == 3
    assert looks == [spec]


def test_unreadable_files_are_counted_and_left_out(tmp_path):
    spec = write(tmp_path / "set", IMAGE_FOLDER | {"train/cat/bad.png": b"hello"})
    with pytest.warns(UserWarning, match="1 files of `folder:.*` could not be read as images"):
        assert len(data.load(spec, "train")) == 3


def test_a_folder_of_nothing_readable_is_refused(tmp_path):
    spec = write(tmp_path / "set", {"a.png": b"hello", "b.jpg": b""})
    with pytest.raises(DataError, match="None of the 2 image files of `folder:.*` could be read"):
        data.load(spec, "train")


def test_a_folder_without_images_says_what_it_takes(tmp_path):
    spec = write(tmp_path / "set", {"a.txt": b"hello"})
    with pytest.raises(DataError, match="holds no images; it takes train/<class>/"):
        data.load(spec, "train")


def test_one_image_is_too_few_to_hold_any_out(tmp_path):
    spec = write(tmp_path / "set", {"a.png": picture(1)})
    assert data.splits(spec) == ("train",)
    with pytest.raises(DataError, match="has no test split; it has: train"):
        data.load(spec, "test")


def test_a_set_may_have_a_test_split_alone(tmp_path):
    spec = write(tmp_path / "set", {"test/a/1.png": picture(1)})
    assert data.splits(spec) == ("test",) and len(data.load(spec)) == 1


@pytest.mark.parametrize("content", [b"hello" * 999, b"PK\x03\x04" + b"\0" * 999, b""])
def test_a_file_that_is_no_archive_is_refused(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match="neither a folder nor a zip nor a tar|is damaged"):
        data.load(f"folder:{tmp_path / 'file'}", "train")


def test_a_tar_that_ends_too_soon_is_refused(tmp_path, data_dir):
    files = {f"{n}.png": np.random.default_rng(n).bytes(5000) for n in range(9)}
    spec = write_tar(tmp_path / "set.tar.xz", files)
    whole = (tmp_path / "set.tar.xz").read_bytes()
    (tmp_path / "set.tar.xz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="is damaged and cannot be read to its end"):
        data.load(spec, "train")
    assert not list((data_dir / "sets").glob("*.part"))


def test_damage_inside_a_zip_costs_one_image(tmp_path):
    spec = write_zip(tmp_path / "set.zip", {f"{n}.png": picture(n) for n in range(20)})
    content = bytearray((tmp_path / "set.zip").read_bytes())
    content[content.index(b"7.png") + 12] ^= 255
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.warns(UserWarning, match="1 files"):
        assert len(data.load(spec, "train")) + len(data.splits(spec)) > 0


def test_an_archive_has_more_members_than_an_upload_may(tmp_path):
    spec = write_zip(tmp_path / "set.zip", {f"{n}.png": picture(n % 256) for n in range(600)})
    assert len(data.load(spec, "train")) == 540


def test_large_photographs_are_read_small_and_right(tmp_path):
    ramp = np.linspace(0, 255, 1600).astype(np.uint8)
    photo = Image.fromarray(np.broadcast_to(ramp[None, :, None], (1280, 1600, 3)).copy())
    (tmp_path / "set").mkdir()
    photo.save(tmp_path / "set" / "a.jpg", quality=95)
    row = data.load(f"folder:{tmp_path / 'set'}", "train").images[0, 16, :, 0].astype(int)
    expected = ramp[160:1440].reshape(32, 40).mean(axis=1)  # of the middle square
    assert np.abs(row - expected).max() <= 3


def test_two_builders_at_once_give_one_set(tmp_path, monkeypatch):
    spec = write(tmp_path / "set", IMAGE_FOLDER)
    fill, fills = image_folder._fill, []

    def slow(*arguments):
        fills.append(1)
        time.sleep(0.2)
        return fill(*arguments)

    monkeypatch.setattr(image_folder, "_fill", slow)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(data.load(spec, "train"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fills) == 1 and len({one.fingerprint for one in found}) == 1 and len(found) == 3


def test_a_class_folder_whose_name_is_not_utf8_gets_a_name_that_can_be_shown(tmp_path):
    for name in (b"caf\xe9", b"a\nb", b"plain"):
        folder = os.fsencode(tmp_path) + b"/test/" + name
        try:
            os.makedirs(folder)
        except OSError:
            pytest.skip("this file system takes UTF-8 names only")
        with open(folder + b"/1.png", "wb") as file:
            file.write(picture(10))
    found = data.load(f"folder:{tmp_path}", "test").class_names
    assert found == ("a\ufffdb", "caf\ufffd", "plain")
    "".join(found).encode()
