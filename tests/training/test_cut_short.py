"""A run that is cut short at any of its writes and resumed equals one that was not."""

import json
import os

import pytest

from convae import runs
from convae.flat_config import from_flat
from convae.models import checkpoints
from convae.training import session

EPOCHS = 3


class CutShort(BaseException):
    """What SIGKILL does to a process, for one that goes on to look."""


def train(run):
    with runs.working_on(run):
        return session.TrainingSession(run).execute()


def outcome(run):
    card = json.loads((run.path / "card.json").read_text())
    rows = [(row["epoch"], row["step"], row["val_psnr"]) for row in run.history()]
    checkpoints.load(str(run.path))  # weights and card fit
    weights = (run.path / "model.safetensors").read_bytes()
    return weights, card["training"]["epoch"], card["metrics"]["val_psnr"], rows


@pytest.mark.parametrize("best", range(1, EPOCHS + 1))
def test_cut_short_at_any_write_and_resumed_equals_never_cut_short(tiny_data, monkeypatch, best):
    config = from_flat({"spec": tiny_data, "architecture": "strided", "base_channels": 8,
                        "latent_dim": 4, "batch_size": 64, "epochs": EPOCHS})  # fmt: skip
    # the best epoch is a given one: a function of the step, so the same after a resume
    monkeypatch.setattr(
        "convae.training.trainer.Trainer.validate",
        lambda self: (0.1, 20.0 - abs(self.step / self.steps_per_epoch - best)),
    )
    straight = runs.claim(config, "straight")
    assert train(straight).state == "done"
    expected = outcome(straight)
    assert expected[1] == best

    replace, left = os.replace, 0
    written = ("model.safetensors", "card.json", "state.pt")

    def cut(source, target):
        nonlocal left
        left -= os.path.basename(target) in written
        if left < 0:
            raise CutShort
        replace(source, target)

    for moment in range(100):
        run, left = runs.claim(config, f"cut-{moment}"), moment
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", cut)
            try:
                train(run)
                break
            except CutShort:
                pass
        assert train(run).state == "done"
        assert outcome(run) == expected, f"cut short at write {moment}"
    assert moment >= EPOCHS + 2  # a state an epoch, weights and card once at least
