"""The image set of a model where none is named."""

from dataclasses import replace

import pytest

from convae import __main__ as cli
from convae.config import DataConfig, TrainConfig
from convae.models import default_set
from convae.models.card import Card

ABSENT = "npz:/nowhere/lossless.npz"


def card(spec, classes=()):
    return Card(replace(TrainConfig(), data=DataConfig(spec)), "m", classes=list(classes))


@pytest.mark.parametrize(
    ("spec", "classes", "few", "expected"),
    [
        ("shapes", (), True, "shapes"),
        (ABSENT, ("airplane", "frog", "truck"), True, "sample"),
        (ABSENT, ("airplane", "frog", "truck"), False, "photos"),
        (ABSENT, ("a", "b"), True, "shapes"),
        ("cifar10", (), False, "photos"),
    ],
)
def test_a_set_that_is_here_stands_in_for_one_that_is_not(spec, classes, few, expected):
    found, note = default_set.default_set(card(spec, classes), few)
    assert found == expected and (note == "") == (found == spec)
    if note:
        assert spec in note and f"`{expected}` is used" in note


def test_with_cifar10_here_a_cifar10_model_is_measured_on_it(monkeypatch):
    monkeypatch.setattr("convae.data.cifar10_present", lambda: True)
    chosen = default_set.default_set(card(ABSENT, ("airplane", "frog", "truck")), few=True)
    assert chosen[0] == "cifar10"


def test_a_shipped_model_is_measured_without_naming_a_set(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)  # no data folder, as after installation
    monkeypatch.delenv("CONVAE_CHECKPOINTS_DIR")
    assert cli.main(["evaluate", "cifar10-64", "--keep", "32", "--refinement-steps", "0"]) == 0
    printed = capsys.readouterr()
    assert "20 test images of sample" in printed.out and "First 32 values: " in printed.out
    assert "are not on this machine: `sample` is used" in printed.err
