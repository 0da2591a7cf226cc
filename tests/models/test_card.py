import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from convae import files
from convae.config import TrainConfig
from convae.errors import CheckpointError, ConfigError
from convae.models import bundle, checkpoints, upload
from convae.models.card import FORMAT, Card
from convae.models.card_digest import digest
from tests.support import cards
from tests.support.server_runs import finished

SHIPPED = Path(__file__).parents[2] / "checkpoints"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/card.json")), ids=lambda p: p.parent.name)
def test_a_shipped_card_is_written_as_it_was_read(path):
    written = json.loads(Card.read(path.parent).to_json())
    before = json.loads(path.read_bytes())
    settings = {"config", "digest"}  # the settings get the names and defaults of this version
    assert {key: written[key] for key in before.keys() - settings if before[key] is not None} == {
        key: before[key] for key in before.keys() - settings if before[key] is not None
    }
    assert before["format"] == FORMAT and before["digest"] == digest(before)
    assert Card.from_dict(written) == Card.read(path.parent)


def test_a_card_without_a_format_is_read_and_written_with_one():
    card = Card.from_dict({"config": asdict(replace(TrainConfig(), epochs=7)), "mine": [1]})
    assert card.config.epochs == 7 and card.name == "" and card.test == {}
    assert card.to_dict()["format"] == FORMAT and card.to_dict()["mine"] == [1]
    assert card.to_dict()["digest"] == digest(card.to_dict())


@pytest.mark.parametrize("newer", [FORMAT + 1, "2.0", [3], None])
def test_a_card_of_an_unknown_newer_format_is_one_sentence_and_closes_nothing(newer, tiny_weights):
    finished("newer", tiny_weights, format=newer)
    finished("whole", tiny_weights)
    with pytest.raises(CheckpointError, match="newer version wrote it; update convae") as caught:
        Card.read(checkpoints.runs.root() / "newer")
    assert str(caught.value).startswith("The card of newer cannot be used: card.json has format")
    assert [entry.name for entry in checkpoints.listing()] == ["whole"]
    assert "newer version" in checkpoints.damaged()["newer"]


def test_an_uploaded_checkpoint_of_a_newer_format_is_refused(tiny_weights):
    data = bundle.export(str(tiny_weights))
    card, weights = upload.unpack(data)
    with pytest.raises(CheckpointError, match="newer version wrote it"):
        Card.from_dict(json.loads(cards.text(card | {"format": FORMAT + 1})))
    assert Card.from_dict(card).sha256 and weights


@pytest.fixture
def folder(tmp_path):
    """A card with what its text can hold in more than one way: exponents, escapes, long digits."""
    card = Card.from_dict({
        "config": asdict(replace(TrainConfig(), learning_rate=1e-5)),
        "classes": ["\u00eb", "", "b"],
        "metrics": {"val_psnr": 24.416365268873278, "test": {"psnr": -1.5e-07, "n": 500}},
        "training": {"epoch": 2, "state": "done"}, "mine": [{}, [], None, True, 1e22],
    })  # fmt: skip
    card.write(tmp_path)
    return tmp_path


def test_every_flipped_bit_of_a_card_is_noticed(folder):
    path = folder / "card.json"
    whole = path.read_bytes()
    assert Card.read(folder).metrics["val_psnr"] == 24.416365268873278
    equal = []
    with path.open("r+b", buffering=0) as file:
        for bit in range(8 * len(whole)):
            changed = bytearray(whole)
            changed[bit // 8] ^= 1 << bit % 8
            os.pwrite(file.fileno(), changed, 0)
            with pytest.raises(CheckpointError, match="^The card of .* is damaged"):
                Card.read(folder)
            if files.json_object(bytes(changed)) == json.loads(whole):
                equal.append(bytes(changed))
    # the digest of the values alone would not notice these
    for other in (b"1E-05", b"u00Eb", b"24.416365268873279"):
        assert any(other in text for text in equal), other


@pytest.mark.parametrize("change", [
    lambda text: text.replace("\n", "\r\n") + "\r\n",
    lambda text: json.dumps(json.loads(text), separators=(",", ":")),
    lambda text: json.dumps(dict(reversed(json.loads(text).items())), indent="\t"),
])  # fmt: skip
def test_white_space_and_order_are_no_damage(folder, change):
    before = Card.read(folder)
    text = change((folder / "card.json").read_text())
    (folder / "card.json").write_bytes(text.encode())
    assert Card.read(folder) == before


@pytest.mark.parametrize(("change", "reason"), [
    (lambda card: card | {"name": "other"}, "its content does not match its digest"),
    (lambda card: card | {"digest": card["digest"].upper()}, "its content does not match"),
    (lambda card: card | {"digest": None}, "its content does not match its digest"),
    (lambda card: card | {"mine": float("nan")}, "its content does not match its digest"),
    (lambda card: card | {"format": 1}, "its content does not match its digest"),
    (lambda card: {k: v for k, v in card.items() if k != "format"}, "its content does not match"),
    (lambda card: {k: v for k, v in card.items() if k != "digest"}, "format 2 needs a `digest`"),
])  # fmt: skip
def test_an_edited_card_is_one_sentence_that_names_the_way_out(folder, change, reason):
    card = json.loads((folder / "card.json").read_text())
    edited = change(card)
    (folder / "card.json").write_text(json.dumps(edited))
    for read in (lambda: Card.read(folder), lambda: Card.from_dict(edited)):
        with pytest.raises(CheckpointError, match=reason) as caught:
            read()
        assert str(caught.value).endswith("remove `digest` and set `format` to 1.")
    (folder / "card.json").write_text(cards.old(edited))
    assert Card.read(folder).config == Card.from_dict(card).config


def test_what_json_cannot_hold_is_left_out_when_a_card_is_written(tmp_path):
    deep = json.loads('{"a":' * 900 + "1" + "}" * 900)
    figures = {"psnr": float("inf"), "n": 3}
    card = Card.from_dict({"config": {}, "mine": deep, "yours": [float("nan"), 1]})
    card.with_changes(metrics={"test": figures}).write(tmp_path)
    again = Card.read(tmp_path)
    assert again.test == {"n": 3} and again.others["yours"] == [None, 1]
    assert '{"a": null}' in json.dumps(again.others["mine"])


def test_a_card_needs_valid_settings():
    with pytest.raises(CheckpointError, match="no `config`"):
        Card.from_dict({})
    with pytest.raises(ConfigError, match="no_such_setting"):
        Card.from_dict({"config": {"no_such_setting": 1}})


def test_values_of_a_wrong_type_are_left_out():
    card = Card.from_dict({"config": {}, "name": 3, "classes": "cat", "metrics": {"val_psnr": "x"},
                           "versions": [1], "started_from": "a", "parameters": []})  # fmt: skip
    assert (card.name, card.classes, card.versions) == ("", [], {})
    assert card.metrics == {"val_psnr": None, "test": None}
    assert card.started_from is None and card.parameters is None


def test_changes_merge_the_parts_of_a_card():
    card = Card.from_dict({"config": {}, "training": {"epoch": 3}})
    changed = card.with_changes(training={"state": "done"}, name="a")
    assert changed.training == {"epoch": 3, "state": "done"} and changed.name == "a"
    assert card.training == {"epoch": 3}


def test_the_card_is_read_without_torch():
    code = "import sys, convae.models.card; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
