"""Files of a run that an older or a newer version of convae wrote."""

import json

import pytest

from convae import files, runs
from convae.config import TrainConfig
from convae.errors import RunError
from convae.flat_config import from_flat


def test_files_of_a_run_without_a_format_are_read():
    run = runs.claim(TrainConfig(), "old")
    (run.path / "config.json").write_text(from_flat({"epochs": 7}).to_json())
    (run.path / "status.json").write_text(json.dumps({"state": "done", "epoch": 2}))
    assert run.config().epochs == 7
    assert (run.status().state, run.status().epoch) == ("done", 2) and run.damage() == ""


def test_files_of_a_run_are_written_with_a_format():
    run = runs.claim(from_flat({"epochs": 7}), "new")
    run.write_status(state="done", epoch=3)
    for name in ("config.json", "status.json"):
        assert files.read_json(run.path / name)["format"] == 1
    assert run.config().epochs == 7 and run.status().epoch == 3


@pytest.mark.parametrize("name", ["config.json", "status.json"])
@pytest.mark.parametrize("newer", [2, "x", None])
def test_a_file_of_a_newer_format_is_named_and_its_run_is_listed_and_deleted(name, newer):
    run = runs.claim(TrainConfig(), "newer")
    run.write_status(state="done")
    content = files.read_json(run.path / name) | {"format": newer, "something": "else"}
    (run.path / name).write_text(json.dumps(content))
    message = rf"{name} of run newer has format {newer}, .*newer version wrote it; update convae"
    with pytest.raises(RunError, match=message):
        raise RunError(run.damage())
    assert [found.id for found in runs.listing()] == ["newer"] and runs.active() is None
    assert not run.status().alive
    run.delete()
    assert runs.listing() == []


def test_a_status_has_known_fields_alone():
    run = runs.claim(TrainConfig(), "a")
    with pytest.raises(TypeError, match="a run status has no speed"):
        run.write_status(state="running", speed=3)
    assert run.status().state == "killed"
