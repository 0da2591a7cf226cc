"""The queue and the sweeps on the Train page."""

import fcntl
import json
from contextlib import contextmanager

import pytest

from convae import runs
from convae.flat_config import from_flat
from convae.runs import queue, sweep
from convae.training import reference_levels, speed_probe
from tests.support.visiting import healthy, visit

PAGE = "pages/train.py"
SMALL = {"spec": "shapes", "architecture": "strided", "base_channels": 8, "latent_dim": 4,
         "epochs": 3}  # fmt: skip


@pytest.fixture(autouse=True)
def still(monkeypatch):
    """No process starts the entries."""
    monkeypatch.setattr(queue, "ensure", lambda: None)


@contextmanager
def training(name="busy"):
    run = runs.claim(from_flat(SMALL | {"base_channels": 16, "batch_size": 64}), name)
    run.write_status(state="running", epochs=3, images_per_s=1000.0)
    with open(run.path / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield run


def test_a_start_while_another_run_trains_goes_into_the_queue():
    with training():
        app = healthy(visit(PAGE, **{"train-view": "New"}))
        pressed = {button.key for button in app.button}
        assert "train-enqueue" in pressed and "train-start" not in pressed
        assert app.button(key="train-enqueue").label == "Add to queue"
        assert any("press **Add to queue**" in element.value for element in app.markdown)
        app.number_input(key="train-latent_dim").set_value(7)
        app.text_input(key="train-name").set_value("mine")
        app.button(key="train-enqueue").click()
        healthy(app.run())
        (entry,) = queue.entries()
        assert (entry.name, entry.config.model.latent_dim) == ("mine", 7)
        text = " ".join(element.value for element in app.markdown)
        assert "1. **mine**: latent dimension 7 · Shapes" in text and "~ " in text
        app.button(key=f"train-queue-cancel-{entry.id}").click()
        healthy(app.run())
        assert queue.entries() == []
        app.button(key="train-watch-active").click()
        healthy(app.run())
        assert app.session_state["train-run"] == "busy"


def test_a_start_behind_waiting_runs_goes_into_the_queue():
    queue.add(from_flat(SMALL), "first")
    app = healthy(visit(PAGE, **{"train-view": "New"}))
    app.button(key="train-enqueue").click()
    healthy(app.run())
    assert [entry.name for entry in queue.entries()] == ["first", "strided-8-1"]


@pytest.mark.parametrize(("name", "problem"), [
    ("mine", "exists or is in the queue"), ("old", "exists or is in the queue"),
    ("No!", "cannot name a run"),
])  # fmt: skip
def test_a_name_that_cannot_be_used_is_an_error_beside_the_name(name, problem):
    queue.add(from_flat(SMALL), "mine")
    runs.claim(from_flat(SMALL), "old")
    app = healthy(visit(PAGE, **{"train-view": "New"}))
    app.text_input(key="train-name").set_value(name)
    app.run()
    settings = next(box for box in app.expander if box.label == "Settings")
    assert not app.exception and problem in settings.error[0].value and len(app.error) == 1
    assert app.button(key="train-enqueue").disabled
    assert any("Name, under Settings" in caption.value for caption in app.caption)
    assert app.metric, "the forecast of the settings, which are good, stays"
    app.text_input(key="train-name").set_value("new")
    healthy(app.run())
    app.button(key="train-enqueue").click()
    healthy(app.run())
    assert app.text_input(key="train-name").value == "" and len(queue.entries()) == 2


def test_visitors_who_may_not_train_see_the_queue_and_cannot_change_it(monkeypatch):
    entry = queue.add(from_flat(SMALL), "mine")
    monkeypatch.delenv("CONVAE_TRAINING")
    monkeypatch.setattr("convae.ui.access.is_local", lambda: False)
    app = healthy(visit(PAGE))
    assert "**mine**" in " ".join(element.value for element in app.markdown)
    pressed = {button.key for button in app.button}
    assert f"train-queue-cancel-{entry.id}" not in pressed and "train-enqueue" not in pressed


def test_a_run_that_could_not_be_started_says_why():
    queue.add(from_flat(SMALL), "mine")
    queue.drop(queue.take(), "There is no such device.")
    app = visit(PAGE, **{"train-view": "New"})
    assert app.error[0].value == "There is no such device."
    assert "train-start" in {button.key for button in app.button}, "it blocks nothing"


def test_a_sweep_takes_its_dimensions_from_the_field_and_the_rest_from_the_form(monkeypatch):
    monkeypatch.setattr(speed_probe, "known", lambda config: 1000.0)
    app = healthy(visit(PAGE, **{"train-view": "New"}))
    assert app.text_input(key="train-sweep-dimensions").value == "2, 4, 8, 16, 32"
    app.number_input(key="train-epochs").set_value(3)
    app.text_input(key="train-sweep-dimensions").set_value("3, 5")
    healthy(app.run())
    assert app.button(key="train-sweep-start").label == "Train 2 runs"
    app.button(key="train-sweep-start").click()
    healthy(app.run())
    assert [(e.name, e.config.model.latent_dim, e.config.epochs) for e in queue.entries()] == [
        ("sweep-1-3", 3, 3), ("sweep-1-5", 5, 3),
    ]  # fmt: skip
    assert app.session_state["train-view"] == "Sweeps"
    app.button(key="train-sweep-cancel").click()
    healthy(app.run())
    assert queue.entries() == []


def test_a_removed_sweep_leaves_its_runs():
    made = sweep.start(from_flat(SMALL), [2])
    entry = queue.take()
    queue.drop(entry)
    runs.claim(entry.config, entry.name).write_status(state="done", epoch=1)
    app = healthy(visit(PAGE, **{"train-view": "Sweeps", "train-sweep": made.name}))
    app.button(key="train-sweep-remove").click()
    healthy(app.run())
    assert sweep.listing() == [] and runs.get("sweep-1-2")
    assert "No sweeps yet" in app.info[0].value


def test_another_sweep_is_shown_without_a_message_where_the_chosen_one_was_removed():
    first = sweep.start(from_flat(SMALL), [2])
    sweep.start(from_flat(SMALL), [3])
    first.cancel()
    app = healthy(visit(PAGE, **{"train-view": "Sweeps", "train-sweep": first.name}))
    app.button(key="train-sweep-remove").click()
    healthy(app.run())
    assert app.selectbox(key="train-sweep").value == "sweep-2" and not app.info


def test_the_queue_says_that_it_waits_for_a_paused_run():
    queue.add(from_flat(SMALL), "mine")
    with training() as run:
        run.write_status(state="paused")
        app = healthy(visit(PAGE, **{"train-view": "New"}))
        assert "busy is paused: the queue waits" in " ".join(c.value for c in app.caption)


def test_what_is_no_list_of_dimensions_is_said_and_starts_nothing():
    app = healthy(visit(PAGE, **{"train-view": "New"}))
    app.text_input(key="train-sweep-dimensions").set_value("two")
    app.run()
    assert not app.exception and "not a list of latent dimensions" in app.error[0].value
    assert "train-sweep-start" not in {button.key for button in app.button}


def test_the_finished_runs_of_a_sweep_are_drawn_beside_pca():
    made = sweep.start(from_flat(SMALL), [2, 4, 8])
    for dimension, psnr in ((2, 15.0), (4, 17.0)):
        entry = queue.take()
        queue.drop(entry)
        run = runs.claim(entry.config, entry.name)
        row = {"epoch": 1, "step": 10, "train_loss": 0.1, "val_loss": 0.2, "val_psnr": psnr,
               "learning_rate": 1e-3, "images_per_s": 900.0, "elapsed_s": 2.0,
               "memory_mb": 500.0}  # fmt: skip
        (run.path / "history.jsonl").write_text(json.dumps(row) + "\n")
        run.write_status(state="done", epoch=1)
        levels = {f"PCA, {dimension} values": {"psnr": psnr - 1, "loss": 0.1}}
        reference_levels.write(run.path, levels)
    app = healthy(visit(PAGE, **{"train-view": "Sweeps", "train-sweep": made.name}))
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert {line["name"]: line["y"] for line in figure["data"]} == {
        "autoencoder": [15.0, 17.0], "PCA": [14.0, 16.0],
    }  # fmt: skip
    table = app.dataframe[0].value
    assert list(table["State"]) == ["Done", "Done", "Queued"]
    assert list(table["PCA (dB)"])[:2] == [14.0, 16.0]
    made.cancel()
    healthy(app.run())
    assert list(app.dataframe[0].value["State"]) == ["Done", "Done", "Removed"]
    app.button(key="train-sweep-compare").click()
    app.run()
    assert app.session_state["train-chosen"] == ["sweep-1-2", "sweep-1-4"]
