"""The Train page, with run folders in every state put before it."""

import errno
import fcntl
import io
import json
import math
import os
import shutil
import zipfile
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from convae import files, runs
from convae.errors import RunError
from convae.flat_config import from_flat
from convae.models import bundle
from convae.runs import snapshots
from convae.training import reference_levels, speed_probe
from convae.ui import image_sources, model_cards
from convae.ui.components import epoch_slider
from convae.ui.train import form
from tests.support import cards
from tests.support.models import Mirror
from tests.support.visiting import captions, healthy, visit

PAGE = "pages/train.py"
SETTINGS = {"spec": "shapes", "architecture": "strided", "base_channels": 8, "latent_dim": 4}
SENTENCES = {
    "diverged": "Diverged at step 7: the loss is no longer a number.",
    "out of memory": "Out of memory: take a smaller batch.",
    "disk full": "The disk is full. The last saved epoch is whole.",
    "failed": "`/gone` does not exist: check the path.",
}


@pytest.fixture
def put_run(tiny_weights):
    """put_run("a", "done", epochs=3): a run folder as a trainer leaves it."""

    def put(name="a", state="done", epochs=3, message="", model=True, **settings):
        run = runs.claim(from_flat(SETTINGS | {"epochs": max(epochs, 1)} | settings), name)
        rows = [
            {"epoch": e, "step": 10 * e, "train_loss": 0.1 / e, "val_loss": 0.2 / e,
             "val_psnr": 15.0 + math.log(e), "learning_rate": 1e-3, "images_per_s": 900.0,
             "elapsed_s": 2.0 * e, "memory_mb": 500.0}
            for e in range(1, epochs + 1)
        ]  # fmt: skip
        (run.path / "history.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        event = {"epoch": 2, "step": 15, "what": "learning rate 0.001"}
        (run.path / "events.jsonl").write_text(json.dumps(event) + "\n")
        status = {"state": state, "message": message, "epoch": epochs, "epochs": epochs + 2,
                "step": 10 * epochs, "steps": 10 * epochs + 20, "remaining_s": 65.0,
                "learning_rate": 1e-3}  # fmt: skip
        (run.path / "status.json").write_text(json.dumps(status))
        reference_levels.write(run.path, {"PCA, 4 values": {"psnr": 15.5, "loss": 0.1}})
        images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8)
        recorder = snapshots.Recorder(run.path / "snapshots", images, np.arange(20) % 3)
        for epoch in range(1, min(epochs, 5) + 1):
            recorder.take(epoch, Mirror())
        if model and epochs:
            for file in ("card.json", "model.safetensors"):
                shutil.copy(tiny_weights / file, run.path / file)
            (run.path / "state.pt").touch()
        return run

    return put


@contextmanager
def at_work(run):
    with open(run.path / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def keys(app):
    return {button.key for button in app.button}


def links(app):
    """Whether the model can be looked at on the next page."""
    return any("Open in Reconstruct" in link.proto.label for link in app.get("page_link"))


def words(app):
    kinds = (app.markdown, app.caption, app.info, app.error, app.success)
    return " ".join(e.value for kind in kinds for e in kind)


def test_a_start_takes_the_settings_of_the_form(monkeypatch):
    started = []

    def start(config, name="", **_):
        started.append((config, name))
        return runs.claim(config, name or "mine")

    monkeypatch.setattr(runs, "start", start)
    app = healthy(visit(PAGE))
    assert "press **Start**" in words(app)
    app.number_input(key="train-latent_dim").set_value(7)
    app.number_input(key="train-seed").set_value(3)
    app.text_input(key="train-name").set_value("my-run")
    healthy(app.run())
    app.button(key="train-start").click()
    app.run()
    assert not app.exception
    config, name = started[0]
    assert (config.model.latent_dim, config.seed, name) == (7, 3, "my-run")
    assert config.data.spec == "shapes" and app.session_state["train-view"] == "Watch"
    assert app.session_state["train-run"] == "my-run"


@pytest.mark.parametrize("name", ["Live demo", "Classic", "Best quality", "Denoiser"])
def test_every_preset_fills_the_form_with_settings_that_fit(name):
    app = healthy(visit(PAGE))
    app.pills(key="train-preset").set_value(name)
    healthy(app.run())
    assert not app.button(key="train-start").disabled
    if name == "Classic":
        assert app.selectbox(key="train-architecture").value == "classic"
        assert app.selectbox(key="train-loss").value == "bce"
        assert app.number_input(key="train-latent_dim").value == 256
    if name == "Denoiser":
        assert app.number_input(key="train-noise_std").value == 0.2
        app.toggle(key="train-noise_range").set_value(True)
        app.selectbox(key="train-corruption").set_value("speckle")
        healthy(app.run())


def test_the_live_demo_names_the_images_that_it_uses():
    app = healthy(visit(PAGE))
    app.pills(key="train-preset").set_value("Live demo")
    assert "A small model, trained on drawn shapes. It starts below PCA" in captions(app.run())
    app.selectbox(key="train-spec").select("digits")
    caption = captions(healthy(app.run()))
    assert "A small model, trained on Digits." in caption
    assert "drawn shapes" not in caption and "below PCA" not in caption


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [("base_channels", 20, "multiple of 8"), ("latent_dim", 1024, "parameters, more than")],
)
def test_what_does_not_fit_is_a_sentence_and_no_start(field, value, sentence):
    app = healthy(visit(PAGE))
    app.selectbox(key="train-architecture").select("classic")
    app.number_input(key="train-base_channels").set_value(128)
    app.number_input(key=f"train-{field}").set_value(value)
    app.run()
    assert not app.exception and sentence in app.error[0].value
    assert app.button(key="train-start").disabled


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("latent_dim", 5000, "Latent dimension (=5000) must be between 2 and 1024 values."),
        ("epochs", 0, "Epochs (=0) must be between 1 and 10000 epochs."),
        ("base_channels", 13, "Channels (=13) must be a multiple of 8"),
        ("shortest_code", 9, "Shortest code (=9) must not be above Latent dimension (=8)."),
    ],
)
def test_a_value_that_is_not_allowed_is_named_by_its_label_and_nothing_starts(
    field, value, sentence
):
    app = healthy(visit(PAGE))
    box = app.number_input(key=f"train-{field}")
    # Streamlit keeps a value out of the range of a box in the browser: the page would not know it
    assert not box.proto.has_min and not box.proto.has_max
    box.set_value(value)
    app.run()
    (error,) = app.error
    assert sentence in error.value and app.button(key="train-start").disabled


def test_every_number_is_shown_with_all_its_digits(put_run):
    app = healthy(visit(PAGE))
    boxes = [box.proto for box in app.number_input if isinstance(box.value, float)]
    assert {box.format for box in boxes} == {"%g"} and len(boxes) >= 8
    steps = {box.label: box.step for box in boxes}
    assert steps["Time budget (s)"] == 60 and steps["Learning rate"] == 0.0005
    put_run("a", "diverged", learning_rate=1e-6)
    app = visit(PAGE, **{"train-view": "Watch"})
    assert app.number_input(key="train-resume-rate-a").proto.format == "%g"


def test_no_help_text_names_a_setting_otherwise_than_its_control():
    boxes = [*(app := healthy(visit(PAGE))).selectbox, *app.number_input, *app.toggle]
    assert not [box.help for box in boxes if "`" in box.help]


def test_a_preset_is_chosen_only_while_the_settings_are_its_own():
    app = healthy(visit(PAGE))
    assert app.pills(key="train-preset").value == "Live demo"
    app.number_input(key="train-latent_dim").set_value(16)
    healthy(app.run())
    assert app.pills(key="train-preset").value is None
    assert "Your own settings" in captions(app) and "A small model" not in captions(app)
    app.pills(key="train-preset").set_value("Live demo")
    healthy(app.run())
    assert app.number_input(key="train-latent_dim").value == 8
    assert "A small model" in captions(app)
    app.number_input(key="train-limit").set_value(4000)
    assert "A small model" in captions(healthy(app.run())), "the same value"


def test_size_compression_and_time_are_told_before_the_start(monkeypatch):
    monkeypatch.setattr(speed_probe, "known", lambda config: 1000.0)
    app = healthy(visit(PAGE))
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Parameters"] == "60,491" and figures["Compression ratio"] == "384:1"
    assert figures["Expected time"] == "~ 40 s" and figures["Device"]


def test_digits_get_a_small_code_and_a_ratio_of_their_own_numbers():
    app = healthy(visit(PAGE))
    app.number_input(key="train-latent_dim").set_value(128)
    app.selectbox(key="train-spec").select("digits")
    healthy(app.run())
    assert app.number_input(key="train-latent_dim").value == 8 and not app.warning
    assert {metric.label: metric.value for metric in app.metric}["Compression ratio"] == "8:1"
    app.number_input(key="train-latent_dim").set_value(64)
    assert "as large as the data" in healthy(app.run()).warning[0].value


def test_an_empty_field_of_encoder_channels_means_those_of_the_decoder():
    app = healthy(visit(PAGE))
    field = app.number_input(key="train-encoder_channels")
    assert field.value is None and field.proto.placeholder == "the same"
    parameters = {metric.label: metric.value for metric in app.metric}["Parameters"]
    field.set_value(32)
    healthy(app.run())
    assert {metric.label: metric.value for metric in app.metric}["Parameters"] != parameters
    app.number_input(key="train-encoder_channels").set_value(20)
    assert "multiple of 8" in app.run().error[0].value


def test_momentum_is_shown_for_sgd_only_and_no_label_repeats_its_unit():
    app = healthy(visit(PAGE))
    labels = {field.key: field.label for field in app.number_input}
    assert "train-momentum" not in labels
    assert labels["train-epochs"] == "Epochs"
    assert labels["train-limit"] == "Image limit"
    app.pills(key="train-preset").set_value("Classic")
    healthy(app.run())
    limit = app.number_input(key="train-limit")
    assert limit.value is None and limit.proto.placeholder == "all"
    limit.set_value(300)
    healthy(app.run())
    assert app.number_input(key="train-limit").value == 300
    app.selectbox(key="train-optimizer").set_value("sgd")
    healthy(app.run())
    assert "train-momentum" in {field.key for field in app.number_input}


def test_two_tabs_starting_at_once_get_one_run_and_a_sentence(monkeypatch):
    def start(*_, **__):
        raise RunError("One training at a time: other is at work.")

    app = healthy(visit(PAGE))
    monkeypatch.setattr(runs, "start", start)
    app.button(key="train-start").click()
    app.run()
    assert not app.exception and "One training at a time" in app.error[0].value


def test_a_run_at_work_is_shown_at_once_with_its_controls(put_run):
    run = put_run("busy", "running")
    with at_work(run):
        app = healthy(visit(PAGE))
        assert app.session_state["train-view"] == "Watch"
        assert {"train-pause", "train-stop", "train-rate-apply"} <= keys(app)
        assert "Above PCA, 4 values (15.50 dB) since epoch 2." in words(app)
        app.button(key="train-pause").click()
        healthy(app.run())
        assert json.loads((run.path / "control.json").read_text()) == {"pause": True}
        assert app.button(key="train-pause").label == "Resume"
        app.button(key="train-pause").click()
        # the scheduled peak, not the momentary rate
        assert app.number_input(key="train-rate-busy").value == run.config().learning_rate
        app.number_input(key="train-rate-busy").set_value(0.0004)
        healthy(app.run())
        app.button(key="train-rate-apply").click()
        healthy(app.run())
        request = json.loads((run.path / "control.json").read_text())
        assert request.pop("learning_rate_asked_at") > 0
        assert request == {"pause": False, "learning_rate": 0.0004}
        app.button(key="train-rate-schedule").click()
        app.run()
        assert json.loads((run.path / "control.json").read_text())["learning_rate"] == 0.0


@pytest.mark.parametrize(
    ("state", "label", "left"),
    [("running", "busy: 60% trained", True), ("paused", "busy: paused at 60%", False)],
)
def test_a_paused_run_is_said_to_be_paused_and_has_no_time_left(put_run, state, label, left):
    with at_work(put_run("busy", state)):
        app = healthy(visit(PAGE))
        assert [label] == [link.label for link in app.get("page_link") if "busy" in link.label]
        (progress,) = [p.text for p in app.get("progress") if "Epoch" in p.text]
        assert (" left" in progress) == left, progress


def test_whoever_comes_back_while_a_run_is_at_work_sees_it(put_run):
    run = put_run("busy", "running")
    app = healthy(visit(PAGE, **{"train-view": "New"}))
    app.switch_page("app.py")
    app.run()
    with at_work(run):
        app.query_params.clear()
        app.switch_page(PAGE)
        healthy(app.run())
        assert app.session_state["train-view"] == "Watch"
        assert app.session_state["train-run"] == "busy"
        app.segmented_control(key="train-view").set_value("New")
        healthy(app.run())
        assert app.session_state["train-view"] == "New", "but it does not insist"


def test_a_run_without_an_epoch_says_that_it_is_getting_ready(put_run):
    with at_work(put_run("young", "starting", epochs=0, message="Reading the images.")):
        app = healthy(visit(PAGE))
        assert "Reading the images" in " ".join(bar.proto.text for bar in app.get("progress"))
        assert "epoch 0 is the model before training" in words(app)


@pytest.fixture
def started(monkeypatch):
    """Configurations that the page starts instead of training them."""
    configs = []

    def start(config, *args, **kwargs):
        configs.append(config)
        raise RunError("not in this test")

    monkeypatch.setattr(runs, "start", start)
    return configs


@pytest.mark.parametrize("state", SENTENCES)
def test_each_bad_end_has_its_sentence(put_run, state):
    put_run("a", state, message=SENTENCES[state])
    app = visit(PAGE, **{"train-view": "Watch"})
    assert not app.exception and app.error[0].value == SENTENCES[state]
    assert "train-resume" in keys(app) and links(app)


def test_a_killed_run_says_so_and_can_be_resumed(put_run, monkeypatch):
    put_run("a", "running")
    asked = []
    monkeypatch.setattr(runs, "start", lambda *a, **k: asked.append(k) or runs.get("a"))
    app = visit(PAGE, **{"train-view": "Watch"})
    assert "ended unexpectedly" in app.error[0].value
    app.button(key="train-resume").click()
    app.run()
    assert not app.exception and asked == [{"resume": "a", "epochs": 0, "learning_rate": None}]


def test_the_time_of_a_killed_run_is_the_same_on_watch_and_runs(put_run):
    run = put_run("a", "running", epochs=3)  # the last epoch ended after 6 s
    status = json.loads((run.path / "status.json").read_text()) | {"elapsed_s": 39.0}
    (run.path / "status.json").write_text(json.dumps(status))
    app = visit(PAGE, **{"train-view": "Watch"})
    assert {metric.label: metric.value for metric in app.metric}["Time"] == "39 s"
    app = visit(PAGE, **{"train-view": "Runs"})
    assert list(app.dataframe[0].value["Time"]) == ["39 s"]


def test_a_finished_run_is_continued_for_more_epochs(put_run, monkeypatch):
    put_run("a", "done", epochs=3)
    asked = []
    monkeypatch.setattr(runs, "start", lambda *a, **k: asked.append(k) or runs.get("a"))
    app = healthy(visit(PAGE, **{"train-view": "Watch"}))
    assert "train-resume" not in keys(app)
    app.number_input(key="train-more").set_value(5)
    app.button(key="train-continue").click()
    healthy(app.run())
    assert asked == [{"resume": "a", "epochs": 8, "learning_rate": None}]


def test_a_run_whose_last_epoch_is_not_the_best_says_what_is_kept_and_asks_where_to_go_on(
    put_run, started
):
    run = put_run("a", "done", epochs=4)
    rows = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    rows[1]["val_psnr"] = 21.16
    (run.path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    app = healthy(visit(PAGE, **{"train-view": "Watch"}))
    assert "Kept: epoch 2, 21.16 dB. The last epoch, 4, has 16.39 dB." in words(app)
    assert app.radio(key="train-from-a").options == [
        "best epoch (epoch 2, 21.16 dB)",
        "last epoch (epoch 4, 16.39 dB)",
    ]
    app.number_input(key="train-more").set_value(5)
    app.button(key="train-continue").click()
    app.run()
    config = started[-1]
    assert (config.init_from, config.epochs) == ("a", 5)


def test_a_run_whose_last_epoch_is_the_best_asks_nothing(put_run):
    put_run("a", "done")
    app = healthy(visit(PAGE, **{"train-view": "Watch"}))
    assert not app.radio and "Kept: epoch" not in words(app)


def test_events_on_the_chart_are_listed_below_it_by_their_numbers(put_run):
    run = put_run()
    event = {"epoch": 3, "step": 25, "what": "paused"}
    with open(run.path / "events.jsonl", "a") as file:
        file.write(json.dumps(event) + "\n")
    app = healthy(visit(PAGE, **{"train-view": "Watch"}))
    listed = next(box for box in app.expander if box.label == "Events on the chart: 2")
    lines = listed.markdown[0].value.splitlines()
    assert [line.split()[0] for line in lines] == ["1.", "2."]
    assert "learning rate 0.001" in lines[0] and "paused" in lines[1]


def test_a_denoiser_names_its_noise(put_run):
    put_run("a", "done", noise_std=0.2)
    assert "noise 0.2" in words(healthy(visit(PAGE, **{"train-view": "Watch"})))


def test_a_run_is_deleted_only_when_asked_twice(put_run):
    run = put_run("a")
    put_run("b")
    app = healthy(visit(PAGE, **{"train-view": "Watch", "train-run": "a"}))
    assert run.path.exists()
    app.button(key="train-delete").click()
    app.run()
    assert not app.exception and not run.path.exists() and runs.get("b")


@pytest.mark.parametrize(("view", "key"), [("Watch", "train-run"), ("Runs", "train-chosen")])
def test_a_deleted_run_that_the_page_wrote_into_the_address_is_no_mistake_of_the_visitor(
    put_run, view, key
):
    put_run("a")
    put_run("b")
    app = healthy(visit(PAGE, **{"train-view": view, key: "a"}))
    app.button(key="train-delete").click()
    healthy(app.run())
    assert "in the address" not in words(app)
    app.segmented_control(key="train-view").set_value("Watch")
    assert "in the address" not in words(healthy(app.run()))


def test_a_run_deleted_while_it_is_looked_at_is_a_sentence(put_run):
    run = put_run("a")
    put_run("b")
    app = healthy(visit(PAGE, **{"train-view": "Watch", "train-run": "a"}))
    run.delete()
    app.run()
    assert not app.exception and "no longer exists" in words(app)


def test_settings_of_a_run_go_back_into_the_form(put_run):
    put_run("a", latent_dim=17, loss="l1")
    app = healthy(visit(PAGE, **{"train-view": "Watch"}))
    app.button(key="train-duplicate").click()
    healthy(app.run())
    assert app.session_state["train-view"] == "New"
    assert app.number_input(key="train-latent_dim").value == 17
    assert app.selectbox(key="train-loss").value == "l1"


def test_runs_are_listed_and_several_are_compared(put_run):
    put_run("one", latent_dim=4)
    put_run("two", latent_dim=4, learning_rate=0.01)
    put_run("young", "failed", epochs=0, message="No data.")
    app = visit(PAGE, **{"train-view": "Runs"})
    assert not app.exception
    assert set(app.dataframe[0].value["Run"]) == {"one", "two", "young"}
    ticked = [list(app.dataframe[0].value["Run"])[row]
              for row in app.session_state["train-table"]["selection"]["rows"]]  # fmt: skip
    assert ticked == app.multiselect(key="train-chosen").value and len(ticked) == 1
    app.multiselect(key="train-chosen").set_value(["one", "two"])
    healthy(app.run())
    assert len(app.session_state["train-table"]["selection"]["rows"]) == 2
    apart = app.dataframe[1].value
    assert apart.to_dict("records") == [{"Setting": "Learning rate", "one": "0.002", "two": "0.01"}]
    assert "PSNR on these images: one" in words(app)


def test_at_most_eight_runs_are_compared_however_many_rows_are_ticked(put_run):
    names = [f"r{n}" for n in range(9)]
    for name in names:
        put_run(name, epochs=1, model=False)
    app = visit(PAGE, **{"train-view": "Runs"})
    app.session_state["train-chosen"] = names
    app.run()
    assert not app.exception and app.multiselect(key="train-chosen").value == names[:8]


def test_damaged_runs_alone_are_named_and_not_compared(put_run):
    for name in ("a", "b"):
        put_run(name, model=False)
        (runs.root() / name / "config.json").write_text("{")
    app = visit(PAGE, **{"train-view": "Runs"})
    app.session_state["train-chosen"] = ["a", "b"]
    app.run()
    assert not app.exception and len(app.warning) == 2


def test_a_frozen_chart_freezes_the_run_that_is_shown(put_run):
    put_run("a", epochs=3)
    put_run("b", "running", epochs=3)
    app = healthy(visit(PAGE, **{"train-view": "Watch", "train-run": "a"}))
    app.toggle(key="train-hold").set_value(True)
    healthy(app.run())
    assert app.session_state["train-held"] == ("a", 3)
    app.selectbox(key="train-run").select("b")
    app.run()
    assert app.session_state["train-held"] == ("b", 3)


@pytest.mark.parametrize(
    ("sent", "epoch"),
    [({"run": "a", "epoch": 2}, 2), ({"run": "a", "epoch": -1}, None),
     ({"run": "another", "epoch": 2}, None), ({}, None)],
)  # fmt: skip
def test_an_epoch_chosen_for_another_run_is_not_this_runs(put_run, monkeypatch, sent, epoch):
    run = put_run("a")
    chosen = SimpleNamespace(epoch=sent)
    monkeypatch.setattr(epoch_slider, "component", lambda *_, **__: lambda **_: chosen)
    monkeypatch.setattr(epoch_slider.st, "session_state", {})
    assert epoch_slider.epoch_slider(run) == epoch


def test_a_model_to_start_from_that_is_gone_is_named(put_run):
    put_run("a", init_from="deleted")
    app = healthy(visit(PAGE, **{"train-view": "Watch"}))
    app.button(key="train-duplicate").click()
    healthy(app.run())
    note = "deleted is not available. Initial weights: from scratch."
    assert note in words(app)
    app.pills(key="train-preset").set_value("Classic")
    assert note not in words(healthy(app.run()))


def test_learning_rates_changed_while_running_are_settings_that_differ(put_run):
    put_run("one", latent_dim=4)
    events = [
        {"epoch": 2, "step": 15, "what": "learning rate 0.0005"},
        {"epoch": 2, "step": 16, "what": "paused"},
        {"epoch": 3, "step": 25, "what": "learning rate as scheduled"},
    ]
    with open(put_run("two", latent_dim=4).path / "events.jsonl", "w") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)
    app = visit(PAGE, **{"train-view": "Runs"})
    app.multiselect(key="train-chosen").set_value(["one", "two"])
    healthy(app.run())
    (row,) = app.dataframe[1].value.to_dict("records")
    assert row == {
        "Setting": "Learning rate changes",
        "one": "0.001 (epoch 2)",
        "two": "0.0005 (epoch 2), as scheduled (epoch 3)",
    }


def test_a_damaged_history_is_passed_over(put_run):
    run = put_run("a")
    with open(run.path / "history.jsonl", "a") as file:
        file.write('{"epoch": 4, "st\n')
    (run.path / "snapshots" / "00002.npz").write_bytes(b"PK cut")
    (run.path / "rungs.json").write_text("[")
    healthy(visit(PAGE, **{"train-view": "Watch"}))


def test_a_model_from_elsewhere_is_taken_in_and_a_bad_file_refused(put_run):
    put_run("mine")
    packed = bundle.export("mine")
    app = healthy(visit(PAGE, **{"train-view": "Runs"}))
    app.file_uploader[0].set_value(("x.zip", b"PK nonsense", "application/zip"))
    app.run()
    assert not app.exception and "zip is damaged" in app.error[0].value
    app.file_uploader[0].set_value(("x.zip", packed, "application/zip"))
    healthy(app.run())
    assert len(runs.listing()) == 2
    assert [toast.value for toast in app.toast] == [
        "tiny was imported and can be chosen on every page."
    ]
    healthy(app.run())
    assert not app.toast and "can be chosen" not in words(app), "said once"
    assert len(runs.listing()) == 2, "taken in again by a rerun"
    assert "was imported: its training history" not in words(app)
    assert "Drag the slider" not in words(app), "there are no images"
    mine, taken = runs.get("mine"), next(run for run in runs.listing() if run.uploaded)
    assert taken.history() == mine.history() and len(taken.history()) == 3


@pytest.mark.parametrize("content", [b"", b"epoch\n1\n", b"\xff\x00,\n" + b"x" * 200_000])
def test_a_model_from_elsewhere_with_no_or_a_damaged_history_is_taken_in_without_it(
    put_run, content
):
    put_run("mine", epochs=1)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle.export("mine"))) as given:
        with zipfile.ZipFile(packed, "w") as archive:
            for name in ("card.json", "model.safetensors"):
                archive.writestr(name, given.read(name))
            if content:
                archive.writestr("history.csv", content)
    app = healthy(visit(PAGE, **{"train-view": "Runs"}))
    app.file_uploader[0].set_value(("x.zip", packed.getvalue(), "application/zip"))
    healthy(app.run())
    assert "was imported: its training history" in words(app)


def test_an_uploaded_card_cannot_make_the_app_read_a_folder(put_run, tmp_path, tiny_data):
    run = put_run("mine", spec=tiny_data)
    with cards.edited(run.path) as card:
        card["config"]["data"]["spec"] = tiny_data
    packed = bundle.export("mine")
    assert tiny_data in image_sources.sources_of(None) and tiny_data in form.image_specs()
    run.delete()
    taken = bundle.accept(packed)
    assert model_cards.checkpoint_options()[taken.id].config.data.spec == "unknown"
    assert tiny_data not in image_sources.sources_of(model_cards.checkpoint_options()[taken.id])
    assert tiny_data not in form.image_specs()


def test_a_host_for_looking_only_offers_nothing_that_changes(put_run, monkeypatch):
    monkeypatch.setenv("CONVAE_TRAINING", "off")
    put_run("a")
    app = healthy(visit(PAGE))
    assert app.session_state["train-view"] == "Watch"
    changing = {"train-delete", "train-duplicate", "train-continue", "train-resume", "train-start"}
    assert not changing & keys(app) and links(app)
    app = healthy(visit(PAGE, **{"train-view": "New"}))
    assert "Training is disabled" in words(app) and not changing & keys(app)


def test_a_host_that_caps_says_so_before_the_start(monkeypatch):
    monkeypatch.setenv("CONVAE_MAX_EPOCHS", "3")
    assert "at most 3 epochs, not 8" in words(healthy(visit(PAGE)))


@pytest.mark.parametrize("view", ["New", "Watch", "Runs"])
def test_odd_addresses_are_ignored(put_run, view):
    put_run("a")
    healthy(visit(PAGE, **{"train-view": view, "train-run": "../x", "train-chosen": "nothing"}))
    healthy(visit(PAGE, **{"train-view": "Nonsense"}))


def test_one_tick_reads_only_what_is_new(put_run, monkeypatch):
    run = put_run("busy", "running", epochs=400)
    seen = []
    real = files.read_lines
    monkeypatch.setattr(
        files, "read_lines", lambda p, after=0: seen.append(after) or real(p, after)
    )
    with at_work(run):
        app = healthy(visit(PAGE))
        healthy(app.run())
        assert seen.count(0) <= 2, "the history and the events, once"
        with open(run.path / "history.jsonl", "a") as file:
            size = os.path.getsize(file.name)
            file.write(json.dumps(run.history()[-1] | {"epoch": 401}) + "\n")
        seen.clear()
        healthy(app.run())
        assert seen == [size]


def test_the_form_refuses_the_name_of_a_shipped_model(tiny_checkpoint):
    app = healthy(visit("pages/train.py"))
    app.text_input(key="train-name").set_value("tiny").run()
    assert "`tiny` is the name of a shipped checkpoint" in app.error[0].value
    assert app.button(key="train-start").disabled


def test_a_diverged_run_is_resumed_with_a_smaller_rate_from_a_field(put_run, monkeypatch):
    put_run("a", "diverged", message=SENTENCES["diverged"], learning_rate=0.5)
    app = visit(PAGE, **{"train-view": "Watch"})
    assert "train-continue" not in keys(app)
    field = app.number_input(key="train-resume-rate-a")
    assert field.value == pytest.approx(1e-4)  # a tenth of that at which it diverged
    field.set_value(0.7)
    app.button(key="train-resume").click()
    app.run()
    assert any("with a learning rate of 0.001 and would" in e.value for e in app.error)
    asked = []
    monkeypatch.setattr(runs, "start", lambda *a, **k: asked.append(k) or runs.get("a"))
    app.number_input(key="train-resume-rate-a").set_value(2e-4)
    app.button(key="train-resume").click()
    app.run()
    assert not app.exception
    assert asked == [{"resume": "a", "epochs": 0, "learning_rate": 2e-4}]


def test_an_unwritable_runs_folder_at_start_is_one_sentence(tmp_path, monkeypatch):
    app = healthy(visit(PAGE))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONVAE_RUNS_DIR", str(tmp_path / "file" / "runs"))
    app.button(key="train-start").click()
    app.run()
    assert not app.exception and len(app.error) == 1
    assert "Not a directory" in app.error[0].value and "\n" not in app.error[0].value


@pytest.mark.parametrize("written", [0, 1], ids=["settings", "model"])
def test_a_full_disk_at_an_upload_is_one_sentence_and_leaves_no_run(written, put_run, monkeypatch):
    packed = bundle.export(str(put_run("a").path))
    app = healthy(visit(PAGE, **{"train-view": "Runs"}))

    replace, calls = files.replace_together, []

    def fill(parts):
        calls.append(parts)
        if len(calls) > written:
            raise OSError(errno.ENOSPC, "No space left on device", str(parts[0][0]))
        replace(parts)

    with monkeypatch.context() as patch:
        patch.setattr(files, "replace_together", fill)
        app.file_uploader[0].set_value(("x.zip", packed, "application/zip"))
        app.run()
    assert not app.exception and len(app.error) == 1
    assert "No space left on device" in app.error[0].value
    assert [run.id for run in runs.listing()] == [p.name for p in runs.root().iterdir()] == ["a"]


def test_a_denoiser_says_at_which_noise_its_psnr_is_measured(put_run):
    run = put_run("a", noise_std=0.2)
    put_run("b")
    rows = [dict(row, val_noise=0.2, val_psnr=12.0 + row["epoch"]) for row in run.history()]
    rows[0] |= {"val_noise": 0.0, "val_psnr": 40.0}  # as an older version measured
    (run.path / "history.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    app = healthy(visit(PAGE, **{"train-view": "Watch", "train-run": "a"}))
    best = next(m for m in app.metric if m.label == "Best PSNR")
    assert best.value == "15.00 dB"
    assert "Best PSNR is the best denoising PSNR at noise 0.2" in words(app)
    assert "Denoising PSNR at noise 0.2: " in words(app)
    app = healthy(visit(PAGE, **{"train-view": "Watch", "train-run": "b"}))
    assert "Best PSNR" in {m.label for m in app.metric} and "enoising" not in words(app)
    app = healthy(visit(PAGE, **{"train-view": "Runs"}))
    table = app.dataframe[0].value.set_index("Run")
    assert table.loc["a", "Noise"] == 0.2 and table.loc["a", "Best PSNR"] == 15.0
    app.multiselect(key="train-chosen").set_value(["a", "b"])
    healthy(app.run())
    assert "a: denoising PSNR at noise 0.2" in words(app)


def test_names_of_reference_levels_are_shown_as_they_are(put_run):
    run = put_run("a")
    reference_levels.write(run.path, {"![x](//host/p.png) $y$": {"psnr": 15.5, "loss": 0.1}})
    app = healthy(visit(PAGE, **{"train-view": "Watch"}))
    line = next(each.value for each in app.markdown if "15.50 dB" in each.value)
    assert line == r"Above !\[x\](//host/p.png) \$y\$ (15.50 dB) since epoch 2."


@pytest.mark.parametrize("view", ["Watch", "Runs"])
def test_the_reason_of_a_damaged_run_is_no_markup(put_run, view, monkeypatch):
    put_run("a")
    monkeypatch.setattr(runs.Run, "damage", lambda run: "`x` is ![x](//host/p.png)")
    app = visit(PAGE, **{"train-view": view})
    assert not app.exception
    assert r"`x` is !\[x\](//host/p.png)" in [error.value for error in app.error]


def test_a_variational_run_offers_both_terms_of_its_loss_and_another_run_does_not(put_run):
    plain, run = put_run("a"), put_run("b", architecture="strided", variational=True)
    rows = [dict(row, train_kl=100.0 + row["epoch"]) for row in run.history()]
    (run.path / "history.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    app = healthy(visit(PAGE, **{"train-view": "Watch", "train-run": run.id}))
    control = app.segmented_control(key="train-show")
    assert control.options == ["PSNR", "Reconstruction loss", "KL divergence"]
    control.set_value("kl")
    healthy(app.run())
    app.selectbox(key="train-run").set_value(plain.id)
    healthy(app.run())
    assert app.segmented_control(key="train-show").options == ["PSNR", "Loss"]
    assert app.segmented_control(key="train-show").value == "psnr"
