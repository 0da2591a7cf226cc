"""Stop: the model first, figures afterward, and an answer in time."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from convae import runs
from convae.flat_config import from_flat
from convae.models import checkpoints
from tests.support.waiting import wait_for


@pytest.fixture
def many_test_images(tmp_path):
    """SPEC of 256 training and 10,000 test images."""
    rng = np.random.default_rng(0)
    path = tmp_path / "many.npz"
    train, test = (rng.integers(0, 256, (n, 32, 32, 3), np.uint8) for n in (256, 10_000))
    np.savez(
        path, train_images=train, train_labels=np.zeros(256, int), test_images=test,
        test_labels=np.zeros(10_000, int), class_names=np.array(["noise"]),
    )  # fmt: skip
    return f"npz:{path}"


def card_of(run):
    return json.loads((run.path / "card.json").read_text())


def test_stop_delivers_the_model_whatever_the_size_of_the_test_split(many_test_images):
    config = from_flat({"spec": many_test_images, "architecture": "residual", "latent_dim": 8,
                        "base_channels": 32, "refinement_steps": 4, "batch_size": 32,
                        "epochs": 9999})  # fmt: skip
    run = runs.start(config, "large")
    try:
        wait_for(lambda: run.status().epoch >= 1, 120)
        began = time.monotonic()
        run.stop()
        assert time.monotonic() - began < 10
        wait_for(lambda: not run.status().alive, 60)  # a slow machine may still save
        assert run.status().state == "stopped"
        assert card_of(run)["training"]["state"] == "stopped"
        assert checkpoints.load("large").reconstruct(np.zeros((1, 32, 32, 3), np.uint8)).shape
        wait_for(lambda: "Measuring the test images" in run.status().message, 120)
        assert run.locked()
        assert runs.active() is None  # another run can be started: that ends the measuring
        run.stop()
        wait_for(lambda: not run.locked(), 60)
    finally:
        wait_for(lambda: run.end_measuring() or not run.locked(), 60)
    status = run.status()
    assert status.state == "stopped"
    assert "Interrupted before the test images were measured" in status.message
    assert "python -m" not in status.message, "the message is shown in the browser, too"
    assert card_of(run)["metrics"]["test"] is None and checkpoints.load("large")


def test_sigterm_while_measuring_ends_it_with_the_model_delivered(many_test_images):
    command = [sys.executable, "-m", "convae", "train", "--data", many_test_images, "--quiet",
               "--epochs", "1", "--arch", "residual", "--base-channels", "8", "--latent-dim", "8",
               "--refinement-steps", "8", "--name", "late"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    run = runs.Run(runs.root() / "late")
    wait_for(lambda: "Measuring" in run.status().message, 120)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "late: done" in out and "convae evaluate late" in out
    assert card_of(run)["training"]["state"] == "done"
    assert card_of(run)["metrics"]["test"] is None and checkpoints.load("late")


HUNG = """
import fcntl, json, os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
folder, beats = sys.argv[1], sys.argv[2] == "beats"
lock = open(folder + "/lock")
fcntl.flock(lock, fcntl.LOCK_EX)
with open(folder + "/status.json", "w") as file:
    json.dump({"state": "running", "pid": os.getpid()}, file)
print("ready", flush=True)
while True:
    time.sleep(0.05)
    if beats:
        os.utime(folder + "/status.json")
"""


@pytest.mark.parametrize("beats", ["beats", "silent"])
def test_a_hung_trainer_is_killed_and_a_busy_one_is_not(beats):
    run = runs.claim(from_flat({}), "x")
    with subprocess.Popen(
        [sys.executable, "-c", HUNG, str(run.path), beats], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            wait_s = 4.0
            began = time.monotonic()
            run.stop(wait_s)
            assert time.monotonic() - began < 10
            if beats == "silent":
                assert process.wait(30) == -signal.SIGKILL
                assert run.status().state == "stopped"
                assert run.status().message == "Stopped before the first epoch."
            else:
                assert process.poll() is None and run.locked()
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
