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

ROOT = Path(__file__).resolve().parent.parent
ASKED = ["--arch", "residual", "--base-channels", "8", "--latent-dim", "4", "--batch-size", "16",
         "--precision", "float32", "--device", "cpu", "--quiet"]  # fmt: skip


def torchrun(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "-m", "convae", *arguments],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def losses(name):
    return [row["train_loss"] for row in runs.get(name).history()]


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
    folder = runs.root() / "two"
    deadline = time.monotonic() + 180
    while not (folder / "state.pt").exists():
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    run = runs.get("two")
    os.kill(json.loads((folder / "status.json").read_text())["pid"], signal.SIGKILL)
    out, _ = process.communicate(timeout=120)
    assert process.returncode != 0 and "rank" in out.lower()
    assert run.status().state in ("killed", "failed") and not run.locked()
    done = len(run.history())
    assert cli.main(["resume", "two", "--epochs", str(done + 1), "--quiet"]) == 0
    assert run.status().state == "done" and len(run.history()) >= done


def test_a_batch_that_cannot_be_shared_is_refused(tiny_data):
    asked = [*ASKED, "--data", tiny_data, "--batch-size", "17", "--name", "odd"]
    process = torchrun("train", *asked)
    out, _ = process.communicate(timeout=180)
    assert process.returncode != 0 and "`batch_size` (=17) must be divisible" in out
