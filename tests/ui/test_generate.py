"""The Generate page through app.py: what it shows is what the command line prints."""

import json

import numpy as np
import pytest

from convae import __main__ as cli
from convae.tasks import generation
from convae.tasks.generation import BASELINES, CEILING
from convae.tasks.merits import Figures
from convae.ui.generate import choice, panels, sampling
from tests.support.visiting import healthy, png, shown, visit

PAGE = "pages/generate.py"
PARTS = panels.PARTS


@pytest.fixture(autouse=True)
def model(tiny_checkpoint, monkeypatch):
    """The untrained tiny model; fewer samples than a visitor gets."""
    monkeypatch.setattr(generation, "COUNT", 300)
    return tiny_checkpoint


def generate(**query):
    return visit(PAGE, data="Digits", **{f"generate-{key}": value for key, value in query.items()})


def printed(app, capsys):
    """What the command under the figures prints."""
    words = app.code[0].value.split()
    assert words[:3] == ["python", "-m", "convae"]
    assert cli.main([*words[3:], "--count", "300", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("data", ["Digits", "Photos"])
def test_every_part_opens_from_its_address(part, data):
    app = healthy(visit(PAGE, data=data, **{"generate-part": part}))
    assert not app.info


def test_the_first_view_has_samples_their_nearest_images_and_figures():
    app = healthy(generate())
    assert "Sample, image 24" in shown(app) and "Nearest, image 24" in shown(app)
    assert [metric.label for metric in app.metric] == [*panels.MERITS, "Near copies"]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"prior": "Gaussian", "seed": "3"},
        {"prior": "kNN jitter", "neighbors": "4", "temperature": "0.5"},
        {"prior": "Gaussian mixture", "components": "3", "classes": "one prior each"},
        {"prior": "N(0, I)"},
    ],
)
def test_the_figures_are_those_of_the_command_line(query, capsys):
    app = healthy(generate(**query))
    found = printed(app, capsys)
    words = [f"{found[name.lower()]:.2f}" for name in panels.MERITS]
    assert [metric.value for metric in app.metric] == [*words, f"{found['nearest_copies']:,}"]


def test_the_table_is_that_of_the_command_line_to_the_last_digit(capsys):
    app = healthy(generate(part="Priors compared", seed="2"))
    table = app.dataframe[0].value.set_index("Prior")
    names = [generation.NAMES[kind] for kind in ("normal", "gaussian", "gmm", "jitter")]
    others = [generation.NAMES[kind] for kind in (*BASELINES, CEILING)]
    assert list(table.index) == [*names, *others]
    words = ["generate", "tiny", "--data", "digits", "--seed", "2", "--count", "300", "--json"]
    for kind in ("gmm", "gaussian", "jitter", "normal"):
        assert cli.main([*words, "--prior", kind]) == 0
        found, row = json.loads(capsys.readouterr().out), table.loc[generation.NAMES[kind]]
        for name in (*panels.MERITS, "Near copies"):
            key = "nearest_copies" if name == "Near copies" else name.lower()
            assert row[name] == found[key], (kind, name)


def test_the_winner_is_named_also_where_it_is_the_baseline():
    app = healthy(generate(part="Priors compared"))
    text = app.markdown[1].value
    table = app.dataframe[0].value.set_index("Prior").drop(generation.NAMES[CEILING])
    winner = table["Coverage"].idxmax()
    if "No winner" in text:
        assert winner in text
    elif winner in [generation.NAMES[name] for name in BASELINES]:
        assert f"A baseline wins: {winner}, without any network" in text
    else:
        assert f"{winner} covers most" in text


def test_another_seed_draws_other_samples_and_the_same_one_the_same():
    app = healthy(generate())
    first = shown(app)
    app.number_input(key="generate-seed").set_value(1)
    assert shown(healthy(app.run())) != first
    app.number_input(key="generate-seed").set_value(0)
    assert shown(healthy(app.run())) == first


def test_controls_of_a_prior_are_there_for_that_prior_alone():
    def sliders(app):
        return {slider.key for slider in app.slider}

    assert "generate-components" in sliders(healthy(generate()))
    jitter = sliders(healthy(generate(prior="kNN jitter")))
    assert "generate-neighbors" in jitter and "generate-components" not in jitter
    normal = healthy(generate(prior="N(0, I)"))
    assert not {"generate-neighbors", "generate-components"} & sliders(normal)
    assert "generate-classes" not in {box.key for box in normal.selectbox}
    assert any("These codes were not trained to follow" in m.value for m in normal.markdown)


def test_samples_of_one_class_and_of_each():
    app = healthy(generate(classes="only 7"))
    assert not app.code, "the command line has no such choice"
    app = healthy(generate(classes="one prior each"))
    assert "--by-class" in app.code[0].value


def test_a_variational_prior_in_the_address_of_a_plain_model_gives_the_default_prior():
    app = healthy(generate(prior="VAE, N(0, I)"))
    assert app.selectbox(key="generate-prior").value == "gmm"
    assert "VAE, N(0, I)" not in app.selectbox(key="generate-prior").options


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("count", [1, 12])
def test_every_part_opens_for_uploads(part, count):
    app = visit(PAGE, data="Your images", **{"generate-part": part})
    files = [(f"{n}.png", png(20 * n + 10), "image/png") for n in range(count)]
    app.file_uploader[0].set_value(files)
    healthy(app.run())
    assert not app.code
    if count == 1 and part != "Random walk":
        assert "at least 20" in app.info[0].value


def test_a_set_without_training_images_is_fitted_to_its_test_images(tmp_path):
    path = tmp_path / "only.npz"
    rng = np.random.default_rng(0)
    np.savez(path, test_images=rng.integers(0, 256, (20, 32, 32, 3), np.uint8))
    from convae import data
    from convae.models import checkpoints

    images = data.load(f"npz:{path}", "test")
    model = checkpoints.load("tiny")
    found = sampling.Setting(model, images, images, model, images)
    assert not found.apart and "also fitted to" in panels.measured_on(found)


def test_nonsense_in_the_address_is_ignored():
    app = healthy(
        generate(prior="../x", components="nan", temperature="1e999", classes="x", shown="-1")
    )
    assert app.selectbox(key="generate-prior").value == "gmm"
    assert app.slider(key="generate-temperature").value == 1


def test_the_walk_is_a_film_that_can_be_kept():
    app = healthy(generate(part="Random walk", steps="4"))
    assert len(app.get("image")) == 1
    assert {button.label for button in app.get("download_button")} == {"GIF", "Codes (CSV)"}


def test_the_remark_tells_what_coverage_leaves_out():
    rows = {
        "gmm": Figures(0.5, 0, 0, 0.8, 0),
        "gaussian": Figures(0.9, 0, 0, 0.3, 0),
        "jitter": Figures(0.4, 0, 0, 0.7, 1_500),
        "pca_gmm": Figures(0.2, 0, 0, 0.2, 0),
        CEILING: Figures(1, 0, 0, 0.95, 300),
    }
    text = panels.remark(rows)
    assert "Training images used as samples cover 95%" in text
    assert "Gaussian is more precise (90% against 50%) and covers 30%" in text
    assert "samples of kNN jitter are near copies" in text


def test_a_class_of_another_set_is_forgotten_with_that_set():
    app = healthy(generate(classes="only 7"))
    app.sidebar.selectbox(key="data").select("photos")
    healthy(app.run())
    assert app.selectbox(key="generate-classes").value == choice.TOGETHER


def test_a_variational_model_is_offered_beside_one_that_is_not(own_folders):
    import dataclasses

    from convae.config import ModelConfig, TrainConfig
    from convae.models import checkpoints
    from convae.models.autoencoder import ConvAutoencoder

    for name in ("a-vae", "cifar10-vae"):
        kind = ModelConfig("strided", latent_dim=8, base_channels=8, variational=True)
        card = {"name": name, "config": dataclasses.asdict(TrainConfig(model=kind))}
        folder = own_folders / "checkpoints" / name
        folder.mkdir()
        checkpoints.save(folder, ConvAutoencoder(kind), card)
    app = visit(PAGE, model="tiny", data="Digits")
    assert app.button(key="generate-variational").label == "Use cifar10-vae"
    app.button(key="generate-variational").click()
    healthy(app.run())
    assert app.selectbox(key="model").value == "cifar10-vae"
    assert app.selectbox(key="generate-prior").value == "vae"
    assert "generate-variational" not in {button.key for button in app.button}
    # back to a model that is not variational: it has no such prior
    app.selectbox(key="model").select("tiny")
    healthy(app.run())
    assert app.selectbox(key="generate-prior").value == "gmm"
    assert not app.warning
    app.selectbox(key="generate-prior").select("gaussian")
    assert healthy(app.run()).selectbox(key="generate-prior").value == "gaussian"
