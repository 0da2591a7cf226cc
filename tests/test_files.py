import os
import threading
import zipfile

import numpy as np
import pytest

from convae import files, runs
from convae.data import disk_cache
from convae.projection import maps


def test_damaged_and_unfinished_lines_are_passed_over(tmp_path):
    path = tmp_path / "h.jsonl"
    path.write_bytes(b'{"epoch": 1}\n{"ep\n[3]\n{"epoch": 2}\n{"epo')
    rows, after = files.read_lines(path)
    assert rows == [{"epoch": 1}, {"epoch": 2}]
    with open(path, "ab") as file:
        file.write(b'ch": 3}\n')
    assert files.read_lines(path, after) == ([{"epoch": 3}], path.stat().st_size)


def test_an_npz_is_read_by_names_and_a_damaged_one_is_none(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(3), y=np.array(["a"]), z=np.array([{}], dtype=object))
    x, y = files.read_npz(path, "x", "y")
    assert x.tolist() == [0, 1, 2] and y.tolist() == ["a"]
    assert files.read_npz(path, "x", "absent") is None
    assert files.read_npz(path, "z") is None  # a pickled object is not loaded
    assert files.read_npz(tmp_path / "absent.npz", "x") is None
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(whole), 200):
        path.write_bytes(whole[:at])
        assert files.read_npz(path, "x") is None
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        files.read_npz(path, "x")  # may be readable; never raises
    path.write_bytes(b"plain text")
    assert files.read_npz(path, "x") is None
    np.save(tmp_path / "one.npy", np.arange(3))
    assert files.read_npz(tmp_path / "one.npy", "x") is None


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "f"
    files.write_atomically(path, b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["f"]


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "nowhere" / "f"
    with pytest.raises(OSError) as failed:
        files.write_atomically(path, b"new")
    assert failed.value.filename == str(path)


def test_many_writers_at_once_leave_one_whole_file(tmp_path):
    path = tmp_path / "f"
    texts = [bytes([65 + i]) * 50_000 for i in range(8)]
    threads = [threading.Thread(target=files.write_atomically, args=(path, t)) for t in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in texts and os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("damage", [b"", b"[1]", b"{", b"\xff"])
def test_what_is_no_object_reads_as_nothing(tmp_path, damage):
    (tmp_path / "x.json").write_bytes(damage)
    assert files.read_json(tmp_path / "x.json") == files.read_json(tmp_path / "gone") == {}


@pytest.mark.parametrize("name", ["DATA", "RUNS", "CACHE", "CHECKPOINTS"])
def test_an_empty_folder_variable_means_the_default(name, monkeypatch):
    monkeypatch.delenv(f"CONVAE_{name}_DIR", raising=False)
    default = files.folder(name)
    monkeypatch.setenv(f"CONVAE_{name}_DIR", "")
    assert files.folder(name) == default and default.name == name.lower()
    assert {
        "DATA": disk_cache.data_dir,
        "RUNS": runs.root,
        "CACHE": lambda: maps.folder().parent,
        "CHECKPOINTS": runs.shipped_root,
    }[name]() == default


def test_an_array_whose_header_does_not_parse_is_damaged(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\1\0\x10\0{'descr': (      \n" + bytes(8))
    assert files.read_npz(tmp_path / "a.npz", "a") is None
