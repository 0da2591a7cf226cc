"""The figures of a model in tables and on Overview: one figure, one set, named."""

from pathlib import Path

import pytest

from convae import ui
from convae.models import checkpoints, default_set
from convae.models.card import Card
from convae.models.checkpoints import Entry
from convae.ui import model_cards

SHIPPED = Path(__file__).parents[2] / "checkpoints"
ORIGINAL = "500 original CIFAR-10 test images"
# epochs and minutes of training, models they started from included, as in benchmarks/RESULTS.md
CIFAR10 = {
    "cifar10-64": (105, 221),
    "cifar10-128": (61, 183),
    "cifar10-256": (75, 191),
    "cifar10-any": (190, 284),
    "cifar10-denoiser": (72, 117),
    "cifar10-vae": (14, 22),
    "classic-256": (24, 90),
}
REFINED = ("cifar10-64", "cifar10-128", "cifar10-256")  # the table at the top of the README
NAMES = sorted(card.parent.name for card in SHIPPED.glob("*/card.json"))


def shipped(name: str) -> Entry:
    return Entry(name, SHIPPED / name, Card.read(SHIPPED / name))


def test_a_validation_figure_is_never_shown_as_a_test_figure():
    for metrics in ({"val_psnr": 24.0}, {"val_psnr": 24.0, "test": None}, None, "x"):
        entry = Entry("m", SHIPPED, Card.from_dict({"config": {}, "metrics": metrics}))
        assert ui.psnr_of(entry) is None and ui.measured_on(entry) == ""


def test_every_shipped_model_of_cifar10_is_in_the_table():
    assert {e.name for e in map(shipped, NAMES) if default_set.is_cifar10(e.card)} == set(CIFAR10)


@pytest.mark.parametrize("name", CIFAR10)
def test_shipped_cifar10_models_are_measured_on_the_same_original_images(name):
    entry = shipped(name)
    assert ui.measured_on(entry) == ORIGINAL
    assert entry.card.test["n"] == 500


def test_the_list_of_models_keeps_the_name_of_the_set(monkeypatch):
    monkeypatch.setenv("CONVAE_CHECKPOINTS_DIR", str(SHIPPED))
    names = {entry.name: ui.measured_on(entry) for entry in checkpoints.listing()}
    assert {names[name] for name in CIFAR10} == {ORIGINAL}


@pytest.mark.parametrize("name", [*REFINED, "classic-256"])
def test_the_text_of_the_readme_and_the_card_give_the_same_figure(name):
    readme = (SHIPPED.parent / "README.md").read_text()
    figure = f"{ui.psnr_of(shipped(name)):.2f}"
    if name in REFINED:
        (line,) = [row for row in readme.splitlines() if row.startswith(f"| {name[8:]} |")]
        assert line.endswith(f"| **{figure}** |")
    else:
        assert f"after 24 epochs, has {figure}" in readme


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_lists_every_shipped_model_with_the_figure_of_its_card(name):
    readme = (SHIPPED.parent / "README.md").read_text()
    (line,) = [row for row in readme.splitlines() if row.startswith(f"| `{name}` |")]
    cells = [cell.strip() for cell in line.split("|")]
    card = shipped(name).card
    assert cells[-2] == f"{card.test['psnr']:.2f}"
    assert cells[-3] == str(card.config.model.latent_dim)


@pytest.mark.parametrize(("name", "effort"), CIFAR10.items())
def test_epochs_and_minutes_count_the_whole_chain_of_training(name, effort):
    entry = shipped(name)
    assert (model_cards.epochs_of(entry), round(model_cards.minutes_of(entry))) == effort


def test_minutes_are_unknown_where_no_card_has_a_time():
    for training in ({}, {"elapsed_s": "x"}, {"elapsed_s": float("nan")}, None):
        card = Card.from_dict({"config": {}, "training": training})
        assert model_cards.minutes_of(Entry("m", SHIPPED, card)) is None
