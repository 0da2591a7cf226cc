"""One damaged run, card or line never closes a page: it is named, and can be deleted."""

import io
import json
import zipfile

import pytest

from convae import __main__ as cli
from convae import config, records, runs
from convae.errors import ConfigError, RunError
from convae.models import bundle, checkpoints
from convae.runs.history import Tail
from tests.support.server_runs import ROW, finished
from tests.support.visiting import WITH_MODEL, healthy, visit

DEEP = b"[" * 100_000
CONFIGS = {
    "not utf-8": b'{"epochs": "\xff"}',
    "nested too deeply": DEEP,
    "nested too deeply as a value": b'{"epochs": ' + DEEP,
    "empty": b"",
    "no object": b"[1, 2]",
    "wrong types": b'{"model": 3, "data": []}',
    "a number without end": b'{"learning_rate": 1' + b"0" * 400 + b"}",
    "half a surrogate": b'{"data": {"spec": "\\ud800"}}',
    "of another version": b'{"no_such_setting": 1}',
}
STATUSES = [
    {"state": ["done"], "epoch": "three", "step": None, "pid": {}, "message": 7},
    {"state": "done", "elapsed_s": "x", "remaining_s": [1], "memory_mb": True, "images_per_s": {}},
    {"state": 5},
]
CARDS = [
    {"metrics": [1]},
    {"metrics": {"val_psnr": "high", "test": 3}},
    {"metrics": {"test": {"psnr": "x", "n": None}}, "training": 7, "classes": {"a": 1}},
    {"parameters": "many", "classes": [1, None, "cat", "\ud800"], "data": "shapes"},
]


@pytest.mark.parametrize("damage", CONFIGS.values(), ids=CONFIGS)
def test_a_run_whose_settings_are_damaged_says_so_and_can_be_deleted(damage, capsys):
    runs.claim(config.TrainConfig(), "whole")
    run = runs.claim(config.TrainConfig(), "hurt")
    (run.path / "config.json").write_bytes(damage)
    with pytest.raises(ConfigError):
        config.from_json(damage)
    with pytest.raises(RunError, match="Run hurt is damaged"):
        run.config()
    assert "Repair the file, or delete the run" in run.damage() and len(run.damage()) < 400
    assert {found.id for found in runs.listing()} == {"whole", "hurt"}
    assert run.status().state == "killed" and runs.active() is None
    assert list(checkpoints.damaged()) == ["hurt"]
    assert cli.main(["list"]) == 0
    printed = capsys.readouterr()
    assert (
        "damaged" in printed.out and "whole" in printed.out and "Run hurt is damaged" in printed.err
    )
    assert cli.main(["list", "--json"]) == 0
    states = {row["name"]: row["state"] for row in json.loads(capsys.readouterr().out)}
    assert states == {"hurt": "damaged", "whole": "killed"}
    runs.get("hurt").delete()
    assert [found.id for found in runs.listing()] == ["whole"]


def test_lines_of_a_history_that_are_damaged_are_left_out(tiny_weights):
    run = finished("x", tiny_weights)
    bad = [
        {k: v for k, v in ROW.items() if k != "val_psnr"},
        ROW | {"val_psnr": "10"},
        ROW | {"epoch": None},
        ROW | {"elapsed_s": [1]},
        ROW | {"step": True},
    ]
    lines = [json.dumps(row).encode() for row in [*bad, ROW | {"epoch": 2, "memory_mb": "?"}]]
    lines[2:2] = [b'{"epoch": 3, "val_psnr": NaN}', b'{"a": ' + DEEP, b"\xff\xfe", b"7"]
    with open(run.path / "history.jsonl", "ab") as file:
        file.write(b"\n".join(lines) + b"\n")
    expected = [ROW, {k: v for k, v in ROW.items() if k != "memory_mb"} | {"epoch": 2}]
    assert run.history() == expected
    with open(run.path / "events.jsonl", "a") as file:
        file.write('{"epoch": 2}\n{"epoch": "2", "step": 1, "what": "x"}\n')
    assert run.events() == [{"epoch": 1, "step": 2, "what": "paused"}]
    assert Tail(run.path / "history.jsonl", records.history).rows() == expected
    with zipfile.ZipFile(io.BytesIO(bundle.export(str(run.path)))) as archive:
        assert len(archive.read("history.csv").splitlines()) == 3


@pytest.mark.parametrize("status", STATUSES)
def test_values_of_the_wrong_type_in_a_status_are_left_out(status):
    run = runs.claim(config.TrainConfig(), "x")
    (run.path / "status.json").write_text(json.dumps(status))
    found = run.status()
    for field in runs.RunStatus.__dataclass_fields__.values():
        kinds = (int, float) if field.type is float else field.type
        assert isinstance(getattr(found, field.name), kinds), field.name
    assert found.state in runs.ENDED


@pytest.mark.parametrize("part", CARDS, ids=range(len(CARDS)))
def test_values_of_the_wrong_type_in_a_card_close_no_page(part, tiny_weights):
    finished("odd", tiny_weights, **part)
    assert [entry.name for entry in checkpoints.listing()] == ["odd"]
    assert cli.main(["list"]) == 0
    for page in ("app.py", "pages/reconstruct.py"):
        healthy(visit(page, model="odd"))
    healthy(visit("pages/train.py", **{"train-view": "Runs"}))
    healthy(visit("pages/train.py", **{"train-view": "Watch"}))


@pytest.mark.parametrize("page", WITH_MODEL)
def test_every_page_stays_open_beside_damaged_runs_and_names_them(page, tiny_checkpoint):
    _damage_some()
    captions = " ".join(caption.value for caption in healthy(visit(page)).caption)
    assert "Damaged, not listed: " in captions and "hurt-0" in captions


def _damage_some():
    for number, damage in enumerate((CONFIGS["not utf-8"], CONFIGS["nested too deeply"])):
        run = runs.claim(config.TrainConfig(), f"hurt-{number}")
        (run.path / "config.json").write_bytes(damage)
        (run.path / "card.json").write_bytes(damage)
        (run.path / "model.safetensors").write_bytes(b"")
        (run.path / "status.json").write_bytes(damage)
        (run.path / "history.jsonl").write_bytes(damage + b"\n" + json.dumps(ROW).encode() + b"\n")


def test_start_stays_and_a_damaged_run_has_its_own_delete_button(tiny_checkpoint):
    _damage_some()
    assert "Start" in [button.label for button in healthy(visit("pages/train.py")).button]
    for view in ("Watch", "Runs"):
        query = {"train-view": view, "train-run": "hurt-0", "train-chosen": "hurt-0"}
        app = visit("pages/train.py", **query)
        assert not app.exception
        assert [error.value[:24] for error in app.error] == ["Run hurt-0 is damaged: i"], view
    app.button(key="train-delete").click().run()
    assert not app.exception and [run.id for run in runs.listing()] == ["hurt-1"]


def test_a_damaged_card_is_named_and_its_run_can_be_deleted(tiny_weights, capsys):
    run = finished("odd", tiny_weights)
    (run.path / "card.json").write_bytes(b'{"config": {"epochs": "many"}}')
    with pytest.raises(checkpoints.CheckpointError, match="The card of odd is damaged"):
        checkpoints.load("odd")
    assert cli.main(["list"]) == 0
    assert "The card of odd is damaged" in capsys.readouterr().err
    app = visit("pages/train.py", **{"train-view": "Runs", "train-chosen": "odd"})
    assert not app.exception and "The card of odd is damaged" in app.error[0].value
    assert "Delete permanently" in [button.label for button in app.button]
