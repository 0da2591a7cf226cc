"""A sweep: the same settings with several latent dimensions, put into the queue."""

import json

import pytest

from convae import runs
from convae.errors import ConfigError, RunError
from convae.flat_config import from_flat
from convae.runs import queue, sweep


@pytest.fixture(autouse=True)
def still(monkeypatch):
    """No process starts the entries."""
    monkeypatch.setattr(queue, "ensure", lambda: None)


def config(**changes):
    return from_flat({"spec": "shapes", "architecture": "strided", "base_channels": 8,
                      "latent_dim": 64, "epochs": 3} | changes)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [("2, 4, 8", [2, 4, 8]), ("8 4;4,2", [2, 4, 8]), (" 16 ", [16]), ("2,,4,", [2, 4])],
)
def test_dimensions_are_read_in_ascending_order(text, found):
    assert sweep.parse(text) == found


@pytest.mark.parametrize("text", ["", "two", "2, -4", "2.5", "1e3", "2, 4; drop", "²", "9" * 30])
def test_what_is_no_list_of_dimensions_is_refused_with_an_example(text):
    with pytest.raises(ConfigError, match="for example 2, 4, 8"):
        sweep.parse(text)


def test_a_sweep_has_a_limited_number_of_dimensions_in_the_range_of_a_model():
    with pytest.raises(ConfigError, match="at most 12"):
        sweep.parse(" ".join(map(str, range(2, 20))))
    with pytest.raises(ConfigError, match="latent_dim"):
        sweep.start(config(), [1, 8])
    with pytest.raises(ConfigError, match="trains from scratch"):
        sweep.configs(config(init_from="shapes-16"), [2, 4])
    assert queue.entries() == [] and sweep.listing() == []


def test_each_dimension_is_one_entry_with_all_other_settings_unchanged():
    made = sweep.start(config(shortest_code=8, nested_dropout=True), [8, 2, 4])
    assert (made.name, made.dimensions) == ("sweep-1", (2, 4, 8))
    waiting = queue.entries()
    assert [entry.name for entry in waiting] == ["sweep-1-2", "sweep-1-4", "sweep-1-8"]
    assert [entry.config.model.latent_dim for entry in waiting] == [2, 4, 8]
    assert [entry.config.shortest_code for entry in waiting] == [2, 4, 8]
    assert {entry.config.epochs for entry in waiting} == {3}
    assert made.entries() == waiting and made.run(2) is None


def test_sweeps_have_names_of_their_own():
    runs.claim(config(), "sweep-1-99")
    assert sweep.start(config(), [2]).name == "sweep-2"
    assert sweep.start(config(), [2], "mine").name == "mine"
    with pytest.raises(RunError, match="A sweep `mine` exists"):
        sweep.start(config(), [4], "mine")
    assert {item.name for item in sweep.listing()} == {"sweep-2", "mine"}


def test_the_waiting_runs_of_a_sweep_are_canceled_together():
    made = sweep.start(config(), [2, 4])
    queue.add(config(), "other")
    made.cancel()
    assert [entry.name for entry in queue.entries()] == ["other"]
    sweep.forget(made)
    assert sweep.listing() == []


def test_damaged_sweeps_are_left_out():
    sweep.folder().mkdir(parents=True)
    for name, content in {"a": "{", "b": "{}", "c": json.dumps({"dimensions": ["x"]}),
                          "d": json.dumps({"dimensions": [4, 4, -1]})}.items():  # fmt: skip
        (sweep.folder() / f"{name}.json").write_text(content)
    assert [(item.name, item.dimensions) for item in sweep.listing()] == [("d", (4,))]
