"""Files are parsed again when they change, and only then."""

import os
import time

import pytest

from convae.parsed_files import SETTLED_NS, ParsedFiles


@pytest.fixture
def counted():
    calls = []

    def parse(path):
        calls.append(path)
        if path.read_text() == "damaged":
            raise ValueError("damaged")
        return path.read_text().split()

    return calls, parse


def write(path, text, age_s=10.0):
    path.write_text(text)
    then = time.time() - age_s
    os.utime(path, (then, then))


def test_a_file_that_stays_is_parsed_once(tmp_path, counted):
    calls, parse = counted
    write(tmp_path / "a", "one two")
    known = ParsedFiles(parse)
    first = known.get(tmp_path / "a")
    assert known.get(tmp_path / "a") is first == ["one", "two"]
    assert len(calls) == 1


def test_a_changed_size_time_or_inode_is_noticed(tmp_path, counted):
    calls, parse = counted
    path = tmp_path / "a"
    write(path, "one")
    known = ParsedFiles(parse)
    before = known.get(path), os.stat(path).st_mtime_ns
    write(path, "three")  # another size
    assert known.get(path) == ["three"]
    write(path, "seven", age_s=20)  # another time
    assert known.get(path) == ["seven"]
    write(tmp_path / "b", "eight")
    os.utime(tmp_path / "b", ns=(0, os.stat(path).st_mtime_ns))
    os.replace(tmp_path / "b", path)  # same size and time, another inode
    assert known.get(path) == ["eight"]
    assert before[0] == ["one"] and len(calls) == 4


def test_a_file_that_has_just_changed_is_parsed_each_time(tmp_path, counted):
    calls, parse = counted
    path = tmp_path / "a"
    path.write_text("one")
    os.utime(path, ns=(0, time.time_ns() + SETTLED_NS))
    known = ParsedFiles(parse)
    known.get(path)
    stamp = os.stat(path).st_mtime_ns
    path.write_text("two")
    os.utime(path, ns=(0, stamp))  # a clock that ticks slowly gives both changes one time
    assert known.get(path) == ["two"] and len(calls) == 2


def test_errors_are_raised_each_time_and_a_missing_file_is_not_kept(tmp_path, counted):
    calls, parse = counted
    known = ParsedFiles(parse)
    write(tmp_path / "a", "damaged")
    for _ in range(2):
        with pytest.raises(ValueError, match="damaged"):
            known.get(tmp_path / "a")
    assert len(calls) == 2
    write(tmp_path / "a", "sound", age_s=5)
    assert known.get(tmp_path / "a") == ["sound"]
    (tmp_path / "a").unlink()
    with pytest.raises(FileNotFoundError):
        known.get(tmp_path / "a")


def test_no_more_results_are_kept_than_allowed(tmp_path, counted):
    calls, parse = counted
    known = ParsedFiles(parse, most=2)
    for name in "abca":
        write(tmp_path / name, name)
        known.get(tmp_path / name)
    assert len(calls) == 4  # "a" was dropped for "c"
    known.get(tmp_path / "c")
    assert len(calls) == 4
