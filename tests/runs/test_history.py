import json
import os

from convae import files
from convae.runs.history import Tail


def lines(*numbers):
    return "".join(json.dumps({"epoch": n}) + "\n" for n in numbers)


def epochs(tail):
    return [row["epoch"] for row in tail.rows()]


def test_only_what_is_new_is_read(tmp_path, monkeypatch):

    path, seen = tmp_path / "h.jsonl", []
    real = files.read_lines
    monkeypatch.setattr(files, "read_lines", lambda p, after: seen.append(after) or real(p, after))
    tail = Tail(path)
    assert epochs(tail) == []
    path.write_text(lines(1, 2))
    first = path.stat().st_size
    assert epochs(tail) == [1, 2] and epochs(tail) == [1, 2]
    with open(path, "a") as file:
        file.write(lines(3) + '{"epo')
    assert epochs(tail) == [1, 2, 3] and seen == [0, first]


def test_a_history_that_was_cut_is_read_anew(tmp_path):
    path = tmp_path / "h.jsonl"
    path.write_text(lines(1, 2, 3))
    tail = Tail(path)
    assert epochs(tail) == [1, 2, 3]
    (tmp_path / "new").write_text(lines(1, 2, 4, 5))
    os.replace(tmp_path / "new", path)
    assert epochs(tail) == [1, 2, 4, 5]


def test_a_deleted_file_is_empty(tmp_path):
    path = tmp_path / "h.jsonl"
    path.write_text(lines(1))
    tail = Tail(path)
    assert epochs(tail) == [1]
    path.unlink()
    assert epochs(tail) == []
