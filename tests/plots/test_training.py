import math

import pytest

from convae.plots import training

HISTORY = [
    {"epoch": e, "step": 10 * e, "train_loss": 1 / e, "val_loss": 2 / e, "val_psnr": 10.0 + e,
     "elapsed_s": 3.0 * e}
    for e in (1, 2, 3)
]  # fmt: skip


def rows(kind, **options):
    found = training.table(HISTORY, **options)
    return [
        (x, y, name)
        for k, x, y, name in zip(*(found[c] for c in ("kind", "x", "y", "name")), strict=True)
        if k == kind
    ]


def test_no_history_is_an_empty_table():
    assert training.table([], levels={}, events=[{"step": 1, "what": "paused"}]) == {
        "kind": [], "x": [], "y": [], "name": []
    }  # fmt: skip


def test_both_losses_or_the_psnr_are_drawn():
    assert rows("curve") == [(e, 10.0 + e, "validation") for e in (1, 2, 3)]
    assert rows("curve", show="loss", by="step")[:3] == [
        (10, 1.0, "training"), (20, 0.5, "training"), (30, 1 / 3, "training")
    ]  # fmt: skip
    assert len(rows("curve", show="loss")) == 6


def test_reference_levels_appear_where_they_have_that_quantity():
    levels = {"PCA": {"psnr": 12.0, "loss": 0.3}, "floor": {"loss": 0.2}}
    assert rows("level", levels=levels) == [(None, 12.0, "PCA")]
    assert rows("level", levels=levels, show="loss") == [(None, 0.3, "PCA"), (None, 0.2, "floor")]


def test_events_lie_between_epochs_in_proportion_to_their_step():
    events = [{"step": 15, "what": "paused"}, {"step": 30, "what": "learning rate 0.001"}]
    assert rows("event", events=events) == [
        (1.5, None, "1"), (3.0, None, "2")
    ]  # fmt: skip
    assert rows("event", events=events, by="elapsed_s")[0][0] == 4.5


def test_each_step_with_events_has_one_numbered_flag_and_one_line_that_describes_it():
    events = [
        {"step": 30, "what": "learning rate 0.001"},
        {"step": 15, "what": "paused"},
        {"step": 15, "what": "resumed"},
        {"step": 15, "what": "paused"},
    ]
    flags = [name for _, _, name in rows("event", events=events)]
    assert flags == ["1", "2"]
    assert training.event_lines(events) == [
        "Step 15: paused, resumed", "Step 30: learning rate 0.001"
    ]  # fmt: skip


def test_no_event_is_written_along_the_chart():
    texts = [
        layer for layer in training.spec()["layer"]
        if layer["mark"]["type"] == "text" and "event" in layer["transform"][0]["filter"]
    ]  # fmt: skip
    assert len(texts) == 1 and "angle" not in texts[0]["mark"]


def test_the_cursor_stands_at_its_epoch_and_nowhere_else():
    assert rows("cursor", cursor=2, by="step") == [(20, None, "epoch 2")]
    assert rows("cursor", cursor=9) == rows("cursor") == []


def test_values_that_are_no_numbers_leave_no_point():
    history = [HISTORY[0] | {"val_psnr": -math.inf}, HISTORY[1]]
    assert training.table(history)["x"] == [2]


def test_a_long_history_is_thinned_but_keeps_its_ends_and_its_best():
    history = [{"epoch": e, "val_psnr": -abs(e - 777.0)} for e in range(1, 3001)]
    kept = [row["epoch"] for row in training.thinned(history)]
    assert len(kept) <= 500 and kept[0] == 1 and kept[-1] == 3000 and 777 in kept
    assert training.thinned(history[:500]) == history[:500]


@pytest.mark.parametrize("show", ["psnr", "loss"])
def test_the_specification_knows_nothing_of_the_data(show):
    made = training.spec(show=show, log=True, loss="mse")
    assert "data" not in made and len(made["layer"]) == 8
    assert made["layer"][0]["encoding"]["y"]["scale"]["type"] == (
        "log" if show == "loss" else "linear"
    )


def test_the_kl_term_of_a_variational_model_is_a_curve_of_its_own():
    history = [dict(row, train_kl=200.0 - row["epoch"]) for row in HISTORY]
    shown = training.table(history, show="kl", levels={"PCA": {"psnr": 20.0, "loss": 0.1}})
    curve = [y for kind, y in zip(shown["kind"], shown["y"], strict=True) if kind == "curve"]
    assert curve == [row["train_kl"] for row in history]
    assert "level" not in shown["kind"]
    layer = training.spec(show="kl")["layer"][0]
    assert layer["encoding"]["y"]["title"] == "KL divergence (nats per image)"
    assert "curve" not in training.table(HISTORY, show="kl")["kind"]
