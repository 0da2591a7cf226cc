"""Runs that wait until none trains: order, cancellation, and who starts them."""

import json
import os
import signal

import pytest

from convae import runs
from convae.errors import ConvaeError, RunError
from convae.flat_config import from_flat
from convae.runs import launch, queue, queue_process
from tests.support.waiting import wait_for


def config(spec="shapes", **changes):
    return from_flat({"spec": spec, "architecture": "strided", "base_channels": 8,
                      "latent_dim": 4, "batch_size": 32, "epochs": 1} | changes)  # fmt: skip


@pytest.fixture
def still(monkeypatch):
    """No process starts the entries."""
    monkeypatch.setattr(queue, "ensure", lambda: None)


def names():
    return [entry.name for entry in queue.entries()]


def test_entries_keep_their_order_settings_and_names(still):
    assert queue.entries() == []
    queue.add(config(latent_dim=8), "b", processes=2)
    queue.add(config(), "a")
    queue.add(config())
    queue.add(config())
    assert names() == ["b", "a", "strided-4-1", "strided-4-2"]
    first = queue.entries()[0]
    assert (first.config, first.processes, first.problem) == (config(latent_dim=8), 2, "")
    assert runs.listing() == [], "an entry is no run yet"


def test_a_canceled_entry_is_gone_and_cannot_be_canceled_again(still):
    queue.add(config(), "a")
    entry = queue.add(config(), "b")
    assert queue.cancel(entry.id) and names() == ["a"]
    assert not queue.cancel(entry.id)
    with pytest.raises(RunError, match="not in the queue"):
        queue.cancel("../../config")


def test_a_name_is_taken_by_a_run_or_an_entry(still):
    runs.claim(config(), "run")
    queue.add(config(), "entry")
    for name in ("run", "entry"):
        with pytest.raises(RunError, match=f"`{name}` exists or is in the queue"):
            queue.add(config(), name)
    with pytest.raises(RunError, match="cannot name a run"):
        queue.add(config(), "../x")
    with pytest.raises(RunError):
        queue.add_all([(config(), "new"), (config(), "run")])
    assert names() == ["entry"], "all of several runs or none"


def test_limits_hold_for_the_queue(still, monkeypatch):
    monkeypatch.setattr(queue, "MOST", 2)
    queue.add(config(), "a")
    with pytest.raises(RunError, match="at most 2 runs and 1 wait"):
        queue.add_all([(config(), "b"), (config(), "c")])
    monkeypatch.setenv("CONVAE_MAX_EPOCHS", "3")
    assert queue.add(config(epochs=9), "b").config.epochs == 3
    monkeypatch.setenv("CONVAE_MAX_RUNS", "2")
    monkeypatch.setattr(queue, "MOST", 9)
    with pytest.raises(RunError, match="at most 2 runs"):
        queue.add(config(), "c")
    monkeypatch.setenv("CONVAE_TRAINING", "off")
    with pytest.raises(RunError, match="Training is disabled"):
        queue.add(config(), "d")


def test_what_cannot_be_started_stays_with_its_reason_and_blocks_nothing(still, monkeypatch):
    started = []

    def start(config, name, processes):
        if name == "bad":
            raise ConvaeError("There is no such device.")
        if name == "late" and not started:
            started.append("another")
            raise launch.BusyError("Another run is already training.")
        started.append(name)

    monkeypatch.setattr(launch, "start", start)
    for name in ("bad", "late", "good"):
        queue.add(config(), name)
    assert not queue_process.start_next()
    assert queue.entries()[0].problem == "There is no such device."
    assert not queue_process.start_next(), "another run was faster"
    assert names() == ["bad", "late", "good"]
    assert queue_process.start_next() and queue_process.start_next()
    assert started == ["another", "late", "good"] and names() == ["bad"]
    queue.cancel(queue.entries()[0].id)
    assert names() == []


def test_a_damaged_entry_names_its_problem(still):
    entry = queue.add(config(), "a")
    for content in ("{", json.dumps({"config": 3}), json.dumps({"name": "a"})):
        (queue.folder() / f"{entry.id}.json").write_text(content)
        assert queue.entries()[0].problem == "The settings are damaged."
    assert queue.take() is None


def test_an_interrupted_start_is_repeated_unless_its_run_exists(still):
    queue.add(config(), "a")
    queue.add(config(), "b")
    assert [queue.take().name, queue.take().name] == ["a", "b"] and names() == []
    runs.claim(config(), "a")
    queue.recover()
    assert names() == ["b"]


def test_no_process_is_started_without_work_or_where_training_is_disabled(monkeypatch):
    started = []
    monkeypatch.setattr("convae.jobs.Job.spawn", lambda job, *_: started.append(job))
    queue.ensure()
    queue.add(config(), "a")
    assert started == [queue.job()]
    monkeypatch.setenv("CONVAE_TRAINING", "off")
    queue.ensure()
    monkeypatch.delenv("CONVAE_TRAINING")
    queue.drop(queue.take(), "There is no such device.")
    queue.ensure()
    assert len(started) == 1


def test_a_killed_run_makes_place_and_the_queue_goes_on_to_its_end(tiny_data):
    first = runs.start(config(tiny_data, epochs=9999), "first")
    try:
        with pytest.raises(launch.BusyError, match="add this one to the queue"):
            runs.start(config(tiny_data), "second")
        with pytest.raises(launch.BusyError, match=r"Stop it or wait until it finishes\.$"):
            runs.start(None, resume="second")
        queue.add(config(tiny_data), "second")
        queue.add(config("npz:/gone.npz"), "fails")
        queue.add(config(tiny_data), "third")
        assert queue.job().running()
        wait_for(lambda: first.status().pid > 1)
        assert names() == ["second", "fails", "third"]
        os.kill(first.status().pid, signal.SIGKILL)
        wait_for(lambda: names() == [], 120)
        third = runs.root() / "third" / "config.json"
        wait_for(third.exists, 120)  # an entry that is being started is in the list no more
        wait_for(lambda: not runs.get("third").locked() and not queue.job().running(), 120)
        states = {run.id: run.status().state for run in runs.listing()}
        assert states == {"first": "killed", "second": "done", "fails": "failed", "third": "done"}
    finally:
        for run in runs.listing():
            run.stop()


def test_a_killed_queue_process_is_replaced_when_the_training_ends(tiny_data):
    first = runs.start(config(tiny_data, epochs=9999), "first")
    try:
        queue.add(config(tiny_data), "second")
        wait_for(lambda: queue.job().read_status().get("pid", 0) > 1)
        os.kill(queue.job().read_status()["pid"], signal.SIGKILL)
        wait_for(lambda: not queue.job().running())
        wait_for(lambda: first.status().state == "running")
        first.stop()
        wait_for(lambda: (runs.root() / "second" / "card.json").exists(), 120)
        assert names() == []
    finally:
        for run in runs.listing():
            run.stop()
