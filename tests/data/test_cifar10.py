"""With an archive of the real one's form and four images a batch."""

import gzip
import hashlib
import io
import pickle
import tarfile
import threading

import numpy as np
import pytest

from convae import data
from convae.data import cifar10, download
from convae.errors import DataError

CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def batch_files():
    files = {"batches.meta": {"label_names": CLASSES}}
    for number, name in enumerate(cifar10.BATCHES[:-1]):
        pixels = np.full((4, 3072), number * 10, np.uint8)
        pixels[:, :1024] += np.arange(4, dtype=np.uint8)[:, None]  # the red plane comes first
        files[name] = {"data": pixels, "labels": [number, 1, 2, 3]}
    return {name: pickle.dumps(content, protocol=2) for name, content in files.items()}


def make_archive(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    # without the time of packing: the same files give the same bytes
    return gzip.compress(buffer.getvalue(), mtime=0)


@pytest.fixture
def files():
    return batch_files()


@pytest.fixture
def tiny(files, monkeypatch):
    """A tiny CIFAR-10 that torchvision believes in, and a network that gives it."""
    from torchvision.datasets import CIFAR10

    def listed(names):
        return [[name, hashlib.md5(files[name]).hexdigest()] for name in names]

    monkeypatch.setattr(CIFAR10, "train_list", listed(cifar10.BATCHES[:5]))
    monkeypatch.setattr(CIFAR10, "test_list", listed(cifar10.BATCHES[5:6]))
    meta = {"filename": "batches.meta", "key": "label_names", "md5": listed(["batches.meta"])[0][1]}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    content = make_archive({f"cifar-10-batches-py/{name}": files[name] for name in files})
    return serve(content, monkeypatch)


def serve(content, monkeypatch):
    asked = []

    def stream(url, part, start, size, report):
        asked.append(url)
        part.write_bytes(content)
        report(len(content))

    monkeypatch.setattr(download, "_stream", stream)
    monkeypatch.setattr(cifar10, "SIZE", len(content))
    monkeypatch.setattr(cifar10, "SHA256", hashlib.sha256(content).hexdigest())
    return asked


def test_without_a_download_it_says_how_to_get_one():
    assert not data.cifar10_present()
    with pytest.raises(DataError, match="run `python -m convae download` or press the download"):
        data.load("cifar10")


def test_it_is_downloaded_unpacked_and_read(tiny, own_folders):
    reports = []
    folder = data.download_cifar10(lambda *report: reports.append(report[2]))
    assert folder == own_folders / "data" and data.cifar10_present()
    assert sorted(path.name for path in folder.iterdir()) == ["cifar-10-batches-py", "cifar10.lock"]
    train, test = data.load("cifar10", "train"), data.load("cifar10", "test")
    assert train.images.shape == (20, 32, 32, 3) and test.images.shape == (4, 32, 32, 3)
    assert train.class_names == tuple(CLASSES)
    assert train.images[5, 31, 31].tolist() == [11, 10, 10] and train.labels[4:6].tolist() == [1, 1]
    assert test.images[3, 0, 0].tolist() == [53, 50, 50] and test.labels[0] == 5
    assert tiny == [cifar10.URLS[0]] and "unpacking CIFAR-10" in reports


def test_once_read_the_batches_are_not_needed(tiny, own_folders, monkeypatch):
    data.download_cifar10()
    first = data.load("cifar10", "train")
    for path in (own_folders / "data" / "cifar-10-batches-py").iterdir():
        path.unlink()
    assert data.cifar10_present() and data.load("cifar10", "train").fingerprint == first.fingerprint


def test_what_is_there_is_not_downloaded_again(tiny):
    data.download_cifar10()
    data.download_cifar10()
    assert len(tiny) == 1


def test_two_at_once_download_it_once(tiny):
    threads = [threading.Thread(target=data.download_cifar10) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tiny) == 1 and data.cifar10_present()


def test_an_archive_put_there_by_hand_is_used(tiny, files, own_folders):
    content = make_archive({f"cifar-10-batches-py/{name}": files[name] for name in files})
    (own_folders / "data").mkdir()
    cifar10.archive().write_bytes(content)
    data.download_cifar10()
    assert tiny == [] and data.cifar10_present()


def test_another_address_can_be_given(tiny, monkeypatch):
    monkeypatch.setenv("CONVAE_CIFAR10_URL", "http://example.org/mine.tar.gz")
    data.download_cifar10()
    assert tiny == ["http://example.org/mine.tar.gz"]


def test_nothing_but_the_batches_leaves_the_archive(files, monkeypatch, own_folders):
    members = {f"x/{name}": files[name] for name in files}
    members |= {"../../evil": b"evil", "/tmp/evil": b"evil", "cifar-10-batches-py/evil.py": b"evil"}
    serve(make_archive(members), monkeypatch)
    data.download_cifar10()
    found = {path.name for path in own_folders.rglob("*") if path.is_file()}
    assert found == {*cifar10.BATCHES, "cifar10.lock"}


def test_an_archive_that_lacks_a_batch_is_refused(files, monkeypatch, own_folders):
    del files["test_batch"]
    serve(make_archive(files), monkeypatch)
    with pytest.raises(DataError, match="archive is not complete and was deleted"):
        data.download_cifar10()
    assert [path.name for path in (own_folders / "data").iterdir()] == ["cifar10.lock"]


def test_damaged_batches_are_named(tiny, own_folders):
    data.download_cifar10()
    (own_folders / "data" / "cifar-10-batches-py" / "test_batch").write_bytes(b"hello")
    with pytest.raises(DataError, match="files in .* are damaged: delete that folder"):
        data.load("cifar10")
