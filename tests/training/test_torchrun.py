"""Two processes on the CPU (gloo), started by torchrun as a user would."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from convae import __main__ as cli
from convae import runs
from convae.training import session

ROOT = Path(__file__).resolve().parents[2]
ASKED = ["--arch", "residual", "--base-channels", "8", "--latent-dim", "4", "--batch-size", "16",
         "--precision", "float32", "--device", "cpu", "--quiet"]  # fmt: skip


def torchrun(*arguments, restarts=0):
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "--max-restarts", str(restarts), "-m", "convae", *arguments],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def losses(name):
    return [row["train_loss"] for row in runs.get(name).history()]


def killed_after_an_epoch(name, process):
    """Kill rank 0 of this run as soon as an epoch is saved; returns its process number."""
    folder = runs.root() / name
    deadline = time.monotonic() + 180
    while not (folder / "state.pt").exists():
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    pid = json.loads((folder / "status.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    return pid


def test_two_processes_follow_the_one_process_run(tiny_data):
    # 156 images, 9 steps of 16 an epoch: 27 steps
    asked = ["--data", tiny_data, "--epochs", "3", *ASKED]
    two = torchrun("train", "--name", "two", *asked)
    assert cli.main(["train", "--name", "one", *asked]) == 0
    out, _ = two.communicate(timeout=180)
    assert two.returncode == 0, out
    assert runs.get("two").history()[-1]["step"] == runs.get("one").history()[-1]["step"] >= 20
    assert losses("two") == pytest.approx(losses("one"), abs=1e-5)
    rates = [[row["val_psnr"] for row in runs.get(name).history()] for name in ("one", "two")]
    assert rates[0] == pytest.approx(rates[1], abs=1e-2)
    assert runs.get("two").status().state == "done"


def test_a_killed_rank_ends_the_run_and_resume_goes_on(tiny_data):
    process = torchrun("train", "--name", "two", "--data", tiny_data, "--epochs", "5000", *ASKED)
    killed_after_an_epoch("two", process)
    run = runs.get("two")
    out, _ = process.communicate(timeout=120)
    assert process.returncode != 0 and "rank" in out.lower()
    assert run.status().state in ("killed", "failed") and not run.locked()
    done = len(run.history())
    assert cli.main(["resume", "two", "--epochs", str(done + 1), "--quiet"]) == 0
    assert run.status().state == "done" and len(run.history()) >= done


def test_torchrun_restarts_a_killed_rank_and_the_run_goes_on(tiny_data):
    # epochs enough for a busy machine to see the first one saved before the last one is
    asked = ["--data", tiny_data, "--epochs", "60", *ASKED]
    process = torchrun("train", "--name", "two", *asked, restarts=2)
    killed = killed_after_an_epoch("two", process)
    saved = len(runs.get("two").history())
    assert cli.main(["train", "--name", "one", *asked]) == 0
    out, _ = process.communicate(timeout=180)
    assert process.returncode == 0, out
    run = runs.get("two")
    assert run.status().state == "done" and run.status().pid != killed and saved < 60
    assert [row["epoch"] for row in run.history()] == list(range(1, 61))
    assert losses("two")[:9] == pytest.approx(losses("one")[:9], abs=1e-4)
    assert losses("two")[-1] == pytest.approx(losses("one")[-1], rel=0.1)


def test_a_restart_takes_no_run_that_another_launcher_made(tiny_data):
    asked = ["--data", tiny_data, "--epochs", "1", *ASKED, "--name", "taken"]
    assert cli.main(["train", *asked]) == 0
    before = (runs.root() / "taken" / "state.pt").read_bytes()
    process = torchrun("train", *asked, restarts=1)
    out, _ = process.communicate(timeout=180)
    assert process.returncode != 0 and out.count("A run `taken` exists") == 2
    assert (runs.root() / "taken" / "state.pt").read_bytes() == before


def test_a_batch_that_cannot_be_shared_is_refused(tiny_data):
    asked = [*ASKED, "--data", tiny_data, "--batch-size", "17", "--name", "odd"]
    process = torchrun("train", *asked)
    out, _ = process.communicate(timeout=180)
    assert process.returncode != 0 and "`batch_size` (=17) must be divisible" in out


@pytest.fixture
def never_met(monkeypatch):
    """Two processes, as torchrun describes them; fails where one tries to meet the other."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a launcher")
    monkeypatch.setattr(session, "join_processes", lambda: pytest.fail("waits for the others"))
    return monkeypatch


def test_each_process_refuses_such_a_batch_before_it_waits_for_the_others(
    tiny_data, never_met, capsys
):
    for rank in "01":
        never_met.setenv("RANK", rank)
        asked = ["train", *ASKED, "--data", tiny_data, "--batch-size", "17", "--name", "odd"]
        assert cli.main(asked) == 1
        message = capsys.readouterr().err
        assert "`batch_size` (=17) must be divisible by the number of processes (=2)" in message
        assert "choose for example 16" in message


def test_a_set_smaller_than_the_batch_is_refused_in_the_same_way(tiny_data, never_met, capsys):
    never_met.setenv("RANK", "0")
    asked = ["train", *ASKED, "--data", tiny_data, "--batch-size", "64", "--limit", "21"]
    assert cli.main([*asked, "--name", "odd"]) == 1
    assert "`batch_size` (=21, all training images) must be divisible" in capsys.readouterr().err
