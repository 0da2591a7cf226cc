"""The commands sweep, queue and stop, with the process that starts the runs."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from convae import __main__ as cli
from convae import runs
from convae.flat_config import from_flat
from convae.models import checkpoints
from convae.runs import queue, sweep
from convae.training import sweep_results

ROOT = Path(__file__).resolve().parent.parent
SMALL = ["--data", "shapes", "--arch", "strided", "--base-channels", "8", "--epochs", "1",
         "--limit", "60", "--quiet"]  # fmt: skip


def config(**changes):
    return from_flat({"spec": "shapes", "architecture": "strided", "base_channels": 8,
                      "latent_dim": 4, "epochs": 1} | changes)  # fmt: skip


@pytest.fixture
def still(monkeypatch):
    """No process starts the entries."""
    monkeypatch.setattr(queue, "ensure", lambda: None)


def test_a_sweep_trains_each_latent_dimension_and_prints_them_beside_pca(tiny_data, capsys):
    small = [tiny_data if word == "shapes" else word for word in SMALL]
    assert cli.main(["sweep", "--latent-dim", "4,2", "--name", "dims", "--json", *small]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["sweep"] == "dims" and [item.name for item in sweep.listing()] == ["dims"]
    assert [row["run"] for row in result["runs"]] == ["dims-2", "dims-4"]
    for row in result["runs"]:
        run = runs.get(row["run"])
        assert run.config().model.latent_dim == row["latent_dim"]
        assert run.config().data.limit == 60 and row["state"] == "done" and row["epochs"] == 1
        assert row["val_psnr"] == run.history()[0]["val_psnr"]
        assert row["pca_psnr"] > 5 and row["test_psnr"] > 5 and row["problem"] == ""


def test_the_table_has_a_line_for_each_run_and_says_what_could_not_be_started(
    still, capsys, monkeypatch
):
    def wait(started, bars):
        row = sweep_results.SweepRow
        return [row(2, "a-2", "done", 12.345, 11.0, 12.0, 3, 4.0, ended=True),
                row(4, "a-4", "queued")]  # fmt: skip

    monkeypatch.setattr("convae.queue_commands._wait", wait)
    monkeypatch.setattr("convae.queue_commands._problems", lambda started: {"a-4": "No device."})
    assert cli.main(["sweep", "--latent-dim", "2,4", "--name", "a", *SMALL]) == 1
    printed = capsys.readouterr()
    lines = [line.split() for line in printed.out.splitlines()]
    assert lines[1] == ["2", "a-2", "done", "12.35", "11.00", "12.00", "3", "4.00"]
    assert lines[2] == ["4", "a-4", "queued", *5 * "-"]
    assert "Above PCA at every latent dimension measured, by at least 1.35 dB." in printed.out
    assert printed.err == "convae: a-4 could not be started: No device.\n"


def test_a_sweep_that_is_interrupted_goes_on_and_says_so(still, capsys, monkeypatch):
    def wait(started, bars):
        raise KeyboardInterrupt

    monkeypatch.setattr("convae.queue_commands._wait", wait)
    assert cli.main(["sweep", "--latent-dim", "2,4", *SMALL]) == 130
    assert "sweep-1 goes on in the background" in capsys.readouterr().err
    assert [entry.name for entry in queue.entries()] == ["sweep-1-2", "sweep-1-4"]


def test_a_sweep_whose_runs_are_canceled_ends(still, capsys, monkeypatch):
    monkeypatch.setattr("convae.queue_commands.POLL_S", 0.01)
    polls, rows = [], sweep_results.rows

    def seen(started):
        polls.append(1)
        if len(polls) == 3:
            started.cancel()
        return rows(started)

    monkeypatch.setattr(sweep_results, "rows", seen)
    assert cli.main(["sweep", "--latent-dim", "2", *SMALL]) == 1
    assert "removed" in capsys.readouterr().out and len(polls) == 4


def test_a_run_that_is_being_started_counts_as_waiting(still):
    made = sweep.start(config(), [2, 4], "a")
    assert queue.take().name == "a-2" and queue.starting() == ["a-2"]
    assert [row.state for row in sweep_results.rows(made)] == ["queued", "queued"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "--latent-dim", "2,x"], "is not a list of latent dimensions"),
        (["sweep", "--latent-dim", "1"], "`--latent-dim` (=1)"),
        (["sweep", "--data", "nothing"], "nothing"),
        (["sweep", "--name", "../x"], "cannot name a run"),
        (["queue", "cancel"], "Name what to cancel"),
        (["queue", "cancel", "a", "nobody"], "`nobody` is not in the queue"),
        (["queue", "list", "a"], "takes no names"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(still, arguments, words, capsys):
    queue.add(config(), "a")
    assert cli.main(arguments) == 1
    printed = capsys.readouterr().err
    assert words in printed and printed.count("\n") == 1
    assert [entry.name for entry in queue.entries()] == ["a"]


def test_the_queue_is_listed_in_its_order_and_entries_are_canceled(still, capsys):
    assert cli.main(["queue"]) == 0
    assert capsys.readouterr().out == "No runs wait in the queue.\n"
    queue.add(config(), "b")
    entry = queue.add(config(latent_dim=16), "a")
    assert cli.main(["queue"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["b", "4", "shapes"], ["a", "16", "shapes"]]
    assert cli.main(["queue", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["training"] is None
    assert result["waiting"][1] == {"id": entry.id, "name": "a", "problem": "", "latent_dim": 16,
                                    "data": "shapes", "epochs": 1}  # fmt: skip
    assert cli.main(["queue", "cancel", "b", entry.id]) == 0
    assert capsys.readouterr().out == "b is canceled.\na is canceled.\n"
    assert queue.entries() == []


def test_help_names_the_settings_of_a_sweep(capsys):
    with pytest.raises(SystemExit):
        cli.main(["sweep", "--help"])
    printed = capsys.readouterr().out
    assert (
        "--latent-dim K,..." in printed and "--ema-decay" in printed and "LATENT_DIM" not in printed
    )


def test_stop_ends_a_training_in_another_process_and_keeps_its_model(tiny_data, capsys):
    run = runs.claim(config(spec=tiny_data, epochs=5000), "long")
    process = subprocess.Popen([sys.executable, "-m", "convae", "train", "--run", str(run.path),
                                "--quiet"], cwd=ROOT)  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not run.history() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert cli.main(["queue", "cancel", "long"]) == 1
        assert "`python -m convae stop long` stops it" in capsys.readouterr().err
        assert cli.main(["stop", "long"]) == 0
        assert process.wait(30) == 0 and run.status().state == "stopped"
        assert capsys.readouterr().out.startswith("long is stop")
        assert checkpoints.load("long").card.training["epoch"] >= 1
        assert cli.main(["stop", "long"]) == 1
        assert "long is not training" in capsys.readouterr().err
    finally:
        process.kill()
        process.wait()
