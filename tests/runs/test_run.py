import fcntl
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import pytest

from convae import __main__ as cli
from convae import files, runs
from convae.errors import RunError
from convae.flat_config import from_flat
from convae.runs import launch
from tests.support.waiting import wait_for


def config(spec="shapes", **changes):
    return from_flat({"spec": spec, "architecture": "strided", "base_channels": 8,
                      "latent_dim": 4, "batch_size": 32} | changes)  # fmt: skip


def _race(results, barrier):
    barrier.wait()
    try:
        results.put(runs.claim(config(), "race").id)
    except RunError:
        results.put("")


def test_of_many_claims_for_one_name_exactly_one_wins():
    context = multiprocessing.get_context("fork")
    results, barrier = context.Queue(), threading.Barrier(20)
    racers = [threading.Thread(target=_race, args=(results, barrier)) for _ in range(20)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(results.get() for _ in racers) == [""] * 19 + ["race"]


def test_runs_without_a_name_are_numbered():
    assert [runs.claim(config()).id for _ in range(3)] == ["strided-4-1", "strided-4-2",
                                                           "strided-4-3"]  # fmt: skip


@pytest.mark.parametrize("name", ["../x", "a/b", "A", "", "-a", "a" * 65, "a b", "é", ".slot"])
def test_ids_that_could_be_paths_are_refused(name):
    with pytest.raises(RunError, match="not the name of a run"):
        runs.get(name)


def test_a_linked_folder_is_no_run(tmp_path):
    real = runs.claim(config(), "real")
    os.symlink(real.path, runs.root() / "linked")
    with pytest.raises(RunError, match="There is no run `linked`"):
        runs.get("linked")
    assert [run.id for run in runs.listing()] == ["real"]


def test_settings_come_back_as_they_went_in():
    wanted = config(epochs=7, learning_rate=0.5)
    assert runs.get(runs.claim(wanted, "x").id).config() == wanted


def test_a_run_whose_trainer_is_gone_is_called_killed():
    run = runs.claim(config(), "x")
    files.write_atomically(run.path / "status.json", b'{"state": "running", "epoch": 3}')
    status = run.status()
    assert (status.state, status.epoch, status.alive) == ("killed", 3, False)
    with open(run.path / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run.status().state == "running"


def test_a_deleted_run_says_so_wherever_it_is_asked():
    run = runs.claim(config(), "x")
    run.delete()
    assert "deleted" in run.status().message and run.history() == [] and run.events() == []
    with pytest.raises(RunError, match="deleted"):
        run.config()


def test_a_run_at_work_cannot_be_deleted_or_resumed_twice():
    run = runs.claim(config(), "x")
    with runs.working_on(run):
        with pytest.raises(RunError, match="stop it first"):
            run.delete()
        with pytest.raises(RunError, match="Another process is already training `x`"):
            with runs.working_on(run):
                pass
    assert not run.locked()


def test_a_started_run_lives_on_its_own_trains_and_stops_on_request(tiny_data):
    run = runs.start(config(tiny_data, epochs=9999), "live")
    try:
        assert run.status().state == "starting" and runs.active().id == "live"
        with pytest.raises(RunError, match="only one run at a time"):
            runs.start(config(tiny_data), "second")
        assert not (runs.root() / "second").exists()
        wait_for(lambda: run.status().epoch >= 2)
        run.ask(pause=True)
        wait_for(lambda: run.status().state == "paused", 5)
        run.ask(pause=False, learning_rate=1e-4)
        wait_for(
            lambda: any("1e-04" in e["what"] or "0.0001" in e["what"] for e in run.events()), 5
        )
    finally:
        began = time.monotonic()
        run.stop()
    assert time.monotonic() - began < 10
    wait_for(lambda: not run.locked())
    status = run.status()
    assert status.state == "stopped" and "epoch" in status.message
    card = json.loads((run.path / "card.json").read_text())
    assert (run.path / "model.safetensors").exists() and card["metrics"]["test"]["n"] == 24
    assert "--epochs 9999" in card["command"] and str(run.path) not in card["command"]
    assert runs.active() is None


def test_fifty_simultaneous_starts_make_one_run(tiny_data, monkeypatch):
    spawned = []

    def pretend(run, verb, handles, processes):
        spawned.append((run.id, [os.dup(h) for h in handles]))

    monkeypatch.setattr(launch, "_spawn", pretend)
    barrier, refused = threading.Barrier(50), []

    def go():
        barrier.wait()
        try:
            runs.start(config(tiny_data))
        except RunError as error:
            refused.append(str(error))

    racers = [threading.Thread(target=go) for _ in range(50)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(spawned) == 1 and len(refused) == 49 and len(runs.listing()) == 1
    assert all("only one run at a time" in text for text in refused)
    for handle in spawned[0][1]:
        os.close(handle)


def test_a_start_keeps_to_what_the_host_allows(monkeypatch):
    monkeypatch.setattr(launch, "_spawn", lambda *_: None)
    monkeypatch.setenv("CONVAE_MAX_EPOCHS", "4")
    assert runs.start(config(epochs=50), "a").config().epochs == 4
    assert runs.start(None, resume="a", epochs=99).config().epochs == 4
    monkeypatch.setenv("CONVAE_MAX_IMAGES", "10")
    runs.get("a").write_status(state="stopped", epoch=2)
    resumed = runs.start(None, resume="a", epochs=99).config()
    assert (resumed.epochs, resumed.data.limit) == (4, 0), "its images stay the same"
    runs.get("a").write_status(state="done", epoch=4)
    with pytest.raises(RunError, match="at most 4 epochs; this run has trained for 4"):
        runs.start(None, resume="a", epochs=99)
    monkeypatch.delenv("CONVAE_MAX_EPOCHS")
    assert runs.start(None, resume="a", epochs=99).config().epochs == 99
    monkeypatch.setenv("CONVAE_MAX_RUNS", "1")
    with pytest.raises(RunError, match="at most 1 run:"):
        runs.start(config(), "b")
    monkeypatch.setenv("CONVAE_TRAINING", "off")
    with pytest.raises(RunError, match="Training is disabled on this server"):
        runs.start(None, resume="a")
    assert [run.id for run in runs.listing()] == ["a"]


def test_an_uploaded_model_is_not_resumed_by_anyone(monkeypatch, capsys):
    run = runs.claim(config(), "theirs")
    (run.path / runs.UPLOADED).touch()
    (run.path / "model.safetensors").write_bytes(b"weights")
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    monkeypatch.setattr(launch, "_spawn", lambda *_: pytest.fail("a trainer was started"))
    with pytest.raises(RunError, match="`theirs` is an uploaded model.*initial weights") as raised:
        runs.start(None, resume="theirs", epochs=9)
    assert "--" not in str(raised.value), "the browser shows this message"
    for arguments in (["resume", "theirs", "--epochs", "9"], ["train", "--run", str(run.path)]):
        assert cli.main(arguments) == 1
        assert "--init-from theirs" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


def test_no_run_takes_the_name_of_a_shipped_model(monkeypatch, tiny_checkpoint):
    monkeypatch.setattr(launch, "_spawn", lambda *_: None)
    for make in (runs.claim, runs.start):
        with pytest.raises(RunError, match="`tiny` is the name of a shipped checkpoint"):
            make(config(), "tiny")
    tiny_checkpoint.rename(tiny_checkpoint.with_name("strided-4-1"))
    assert runs.claim(config()).id == "strided-4-2"
    assert [run.id for run in runs.listing()] == ["strided-4-2"]


def test_reading_runs_loads_no_torch():
    code = "import sys, convae.runs.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_status_is_overwritten_in_place_where_nothing_else_can_be_written(monkeypatch):
    run = runs.claim(config(), "full")
    run.write_status(state="running", message="a long message " * 20, epoch=7)

    def full(parts):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("convae.files.replace_together", full)
    with pytest.raises(OSError):
        run.write_status(state="disk full")
    run.write_status(in_place=True, state="disk full", message="The disk is full.", epoch=7)
    status = run.status()
    assert (status.state, status.message, status.epoch) == ("disk full", "The disk is full.", 7)
