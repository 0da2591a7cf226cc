import math

import pytest

from convae.models.card import Card
from convae.training import run_card
from tests.support.server_runs import finished


@pytest.fixture
def run(tiny_weights):
    return finished("mine", tiny_weights)


def test_what_is_added_to_a_card_stays_readable_and_the_rest_as_it_was(run):
    before = Card.read(run.path)
    run_card.write_end(run.path, "stopped")
    run_card.write_test_figures(run.path, {"psnr": math.inf, "ssim": 0.5})
    after = Card.read(run.path)
    assert after.training == before.training | {"state": "stopped"}
    assert after.test == {"ssim": 0.5}
    assert after.metrics["val_psnr"] == before.metrics["val_psnr"]
    changed = {"training", "metrics", "digest"}
    assert {key: value for key, value in after.to_dict().items() if key not in changed} == {
        key: value for key, value in before.to_dict().items() if key not in changed
    }


@pytest.mark.parametrize("damage", [None, b"{", b'{"config": {}, "digest": "0"}'])
def test_nothing_is_added_to_a_card_that_is_missing_or_damaged(run, damage):
    path = run.path / "card.json"
    path.unlink() if damage is None else path.write_bytes(damage)
    run_card.write_end(run.path, "done")
    run_card.write_test_figures(run.path, {"psnr": 20.0})
    assert not run_card.needs_test_figures(run.path)
    assert (path.read_bytes() if path.exists() else None) == damage
