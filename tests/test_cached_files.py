import os
import subprocess
import sys
import time

import numpy as np
import pytest

from convae import cached_files
from convae.errors import ConfigError
from convae.projection import maps


@pytest.fixture
def cache(own_folders, monkeypatch):
    monkeypatch.setenv("CONVAE_CACHE_MB", "1")
    return own_folders / "cache"


def put(path, kilobytes, age_s):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(kilobytes * 1000))
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def test_the_least_recently_used_of_all_kinds_are_removed(cache):
    pca = put(cache / "pca-a-4.npz", 300, 500)
    codes = put(cache / "codes" / "b.npy", 300, 400)
    old_map = put(cache / "maps" / "c.npz", 300, 300)
    cached_files.mark_used(pca)
    assert cached_files.save(cache / "codes" / "d.npy", bytes(350_000))
    left = [path for path in (pca, codes, old_map, cache / "codes" / "d.npy") if path.exists()]
    assert left == [pca, old_map, cache / "codes" / "d.npy"]


def test_the_file_just_written_stays_even_if_it_is_too_large(cache):
    small = put(cache / "codes" / "a.npy", 10, 0)
    os.utime(small, (time.time() + 60, time.time() + 60))  # a clock that was set back
    assert cached_files.save(cache / "codes" / "b.npy", bytes(1_500_000))
    assert not small.exists() and (cache / "codes" / "b.npy").exists()


def test_jobs_and_foreign_files_are_never_removed(cache):
    kept = [put(cache / "maps" / "jobs" / "k" / "codes.npy", 900, 99_999),
            put(cache / "maps" / "guests" / "k" / "map.npz", 900, 99_999),
            put(cache / "notes.txt", 900, 99_999),
            put(cache / "codes" / ".x.npy.1-1.part", 900, 60)]  # fmt: skip
    killed = put(cache / "codes" / ".y.npy.1-1.part", 1, 99_999)
    assert cached_files.save(cache / "codes" / "b.npy", bytes(10))
    assert all(path.exists() for path in kept) and not killed.exists()


def test_a_map_that_is_saved_evicts_older_ones(cache):
    old = put(cache / "maps" / "a.npz", 1_100, 100)
    name = "a" * 24
    maps.save(maps.folder(), name, np.zeros((5, 2), np.float32))
    assert not old.exists() and maps.load(name) is not None


def test_two_processes_that_save_at_once_keep_to_the_size(cache):
    code = (
        "import os, sys; from convae import cached_files as c\n"
        "for i in range(40):\n"
        "    path = c.folder() / 'codes' / f'{sys.argv[1]}-{i}.npy'\n"
        "    assert c.save(path, bytes(100_000))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(n)]) for n in range(2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    sizes = [path.stat().st_size for path in (cache / "codes").glob("*.npy")]
    assert 0 < sum(sizes) <= 1_100_000  # the last two may not have seen each other
    assert not list((cache / "codes").glob(".*.part"))


def test_where_nothing_can_be_written_saving_says_so(cache, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CONVAE_CACHE_DIR", str(tmp_path / "file"))
    assert cached_files.save(cached_files.folder() / "codes" / "a.npy", b"x") is False


@pytest.mark.parametrize("text", ["much", "-1", "1.5", "9" * 13])
def test_a_limit_that_is_no_number_is_one_sentence(text, monkeypatch):
    monkeypatch.setenv("CONVAE_CACHE_MB", text)
    with pytest.raises(ConfigError, match="CONVAE_CACHE_MB .* must be a whole number"):
        cached_files.limit_mb()


def test_an_empty_limit_is_the_default(monkeypatch):
    monkeypatch.setenv("CONVAE_CACHE_MB", " ")
    assert cached_files.limit_mb() == cached_files.DEFAULT_MB
