"""Resuming a run: a learning rate can be given, and a diverged run needs a smaller one."""

import json
import time

import pytest

from convae import __main__ as cli
from convae import runs
from convae.errors import RunError

TINY = ["--arch", "strided", "--base-channels", "8", "--latent-dim", "4", "--batch-size", "32",
        "--optimizer", "sgd", "--schedule", "constant", "--clip", "0", "--quiet"]  # fmt: skip


def train(spec, epochs, rate):
    return cli.main(
        ["train", "--data", spec, "--name", "a", "--epochs", str(epochs)]
        + ["--learning-rate", str(rate), *TINY]
    )


def resume(*options):
    return cli.main(["resume", "a", "--quiet", *options])


def rates():
    return {row["epoch"]: row["learning_rate"] for row in runs.get("a").history()}


def test_a_run_that_diverges_at_once_finishes_with_a_smaller_rate(tiny_data, capsys):
    assert train(tiny_data, 3, 100) == 1
    status = runs.get("a").status()
    assert status.state == "diverged" and status.learning_rate == 100
    assert f"step {status.step}, with a learning rate of 100" in capsys.readouterr().err
    for options, given in (
        ([], ""),
        (["--learning-rate", "100"], "`learning_rate` (=100) is too high: "),
        (["--epochs", "9"], ""),
    ):
        assert resume(*options) == 1
        assert capsys.readouterr().err == (
            f"convae: {given}`a` diverged at step {status.step} with a learning rate of 100 and "
            "would diverge again; resume it with a smaller one, for example 10. "
            "That is --learning-rate 10.\n"
        )
    assert runs.get("a").config().epochs == 3
    assert resume("--learning-rate", "0.01") == 0
    assert rates() == {1: 0.01, 2: 0.01, 3: 0.01}
    assert runs.get("a").status().state == "done"


def test_a_run_that_diverges_later_goes_on_from_its_last_good_epoch(tiny_data, capsys):
    assert train(tiny_data, 2, 0.01) == 0
    assert resume("--epochs", "5", "--learning-rate", "100") == 1
    assert runs.get("a").status().state == "diverged"
    whole = max(rates())
    assert resume() == 1
    with pytest.raises(RunError, match="with a learning rate of 100 and would diverge again"):
        runs.start(None, resume="a")
    with pytest.raises(RunError, match="too high"):
        runs.start(None, resume="a", learning_rate=100.0)
    assert runs.active() is None
    assert resume("--learning-rate", "0.005") == 0
    after = rates()
    assert list(after) == [1, 2, 3, 4, 5]
    assert all(after[epoch] == 0.005 for epoch in range(whole + 1, 6))


def test_the_app_resumes_a_diverged_run_with_a_smaller_rate(tiny_data):
    assert train(tiny_data, 2, 100) == 1
    run = runs.start(None, resume="a", learning_rate=0.01)
    deadline = time.monotonic() + 120
    while run.locked() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert run.status().state == "done", (run.path / "log.txt").read_text()
    assert rates() == {1: 0.01, 2: 0.01}


def test_a_rate_given_at_a_resume_survives_a_kill_before_the_first_saved_epoch(tiny_data):
    assert train(tiny_data, 2, 100) == 1
    run = runs.get("a")
    asked = {"learning_rate": 0.01, "learning_rate_asked_at": time.time()}
    (run.path / "control.json").write_text(json.dumps(asked | {"stop": True, "pause": True}))
    (run.path / "status.json").write_text(json.dumps({"state": "running"}))  # as a kill leaves it
    assert run.status().state == "killed"
    assert resume() == 0
    assert rates() == {1: 0.01, 2: 0.01}


def test_new_epochs_drop_an_earlier_rate_and_a_bad_rate_changes_nothing(tiny_data, capsys):
    assert train(tiny_data, 1, 0.02) == 0
    runs.get("a").ask(learning_rate=0.01)
    assert resume("--epochs", "2") == 0
    assert rates() == {1: 0.02, 2: 0.02}
    for bad in ("0", "-1", "nan", "1e9"):
        assert resume("--epochs", "3", "--learning-rate", bad) == 1
        assert "`--learning-rate`" in capsys.readouterr().err
    assert runs.get("a").config().epochs == 2
