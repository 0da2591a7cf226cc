import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from convae.config import TrainConfig
from convae.errors import CheckpointError, ConfigError
from convae.models import bundle, checkpoints, upload
from convae.models.card import FORMAT, Card
from tests.support.server_runs import finished

SHIPPED = Path(__file__).parents[2] / "checkpoints"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/card.json")), ids=lambda p: p.parent.name)
def test_a_shipped_card_is_written_as_it_was_read(path):
    written = json.loads(Card.read(path.parent).to_json())
    before = json.loads(path.read_bytes())
    assert {key: written[key] for key in before if key != "config" and before[key] is not None} == {
        key: value for key, value in before.items() if key != "config" and value is not None
    }
    assert Card.from_dict(written) == Card.read(path.parent)


def test_a_card_without_a_format_is_read_and_written_with_one():
    card = Card.from_dict({"config": asdict(replace(TrainConfig(), epochs=7)), "mine": [1]})
    assert card.config.epochs == 7 and card.name == "" and card.test == {}
    assert card.to_dict()["format"] == FORMAT and card.to_dict()["mine"] == [1]


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
        Card.from_dict(card | {"format": FORMAT + 1})
    assert Card.from_dict(card).sha256 and weights


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
