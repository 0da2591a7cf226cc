"""The commands generate and probe: keys that scripts rely on, errors in sentences."""

import json

import numpy as np
import pytest
from PIL import Image

from convae import __main__ as cli
from convae import data
from convae.models import checkpoints
from convae.tasks import features, generation

SMALL = ["--count", "60", "--limit", "100"]


@pytest.fixture(autouse=True)
def model(tiny_checkpoint):
    return tiny_checkpoint


def answer(capsys, *words):
    assert cli.main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refusal(capsys, *words):
    assert cli.main([*words]) == 1
    return capsys.readouterr().err


# --- generate


@pytest.mark.parametrize("prior", ["normal", "gaussian", "gmm", "jitter"])
def test_generate_gives_the_figures_of_the_package(capsys, tiny_data, prior):
    found = answer(capsys, "generate", "tiny", "--prior", prior, "--data", tiny_data, *SMALL)
    train, real = generation.fit_and_real(tiny_data, 100)
    model = checkpoints.load("tiny")
    material = generation.prepare(model, train, model.encode(train.images), real)
    samples = generation.generate(material, generation.fit_prior(prior, material.codes), 60)
    figures = generation.measure(material, samples.images)
    assert {key: found[key] for key in figures._fields} == figures._asdict()
    assert (found["n_train"], found["n_real"], found["count"]) == (100, 24, 60)


@pytest.fixture
def picture(capsys, tiny_data, tmp_path):
    """`picture("--seed", "1")`: the samples that generate writes, uint8 (H, W, 3)."""

    def write(*words):
        target = tmp_path / "samples.png"
        answer(capsys, "generate", "tiny", "--data", tiny_data, "--to", str(target), *words)
        return np.asarray(Image.open(target))

    return write


@pytest.mark.parametrize("prior", ["normal", "gaussian", "gmm", "jitter"])
def test_generate_is_a_function_of_its_seed(picture, prior):
    words = ["--prior", prior, "--count", "12"]
    one, again, other = (picture(*words, "--seed", seed) for seed in "778")
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_generate_writes_its_first_samples_as_a_picture(picture):
    few = picture("--count", "12")
    assert few.shape == (2 * 66 + 2, 10 * 66 + 2, 3) and few.std() > 1
    assert picture("--count", "130").shape == (662, 662, 3), "a hundred samples at most"


@pytest.mark.parametrize(
    "more", [["--by-class"], ["--components", "2"], ["--temperature", "0.2"], ["--limit", "50"]]
)
def test_every_parameter_of_generate_changes_the_samples(picture, more):
    assert (picture("--count", "12") != picture("--count", "12", *more)).any()


def test_generate_as_text_names_space_and_images(capsys, tiny_data):
    assert cli.main(["generate", "tiny", "--data", tiny_data, *SMALL]) == 0
    text = capsys.readouterr().out
    assert "precision" in text and "nearest copies" in text
    assert "100 training images" in text and "24 test images in PCA-64 of the pixels" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--prior", "vae"], "`tiny` is not a variational model"),
        (["--count", "0"], "`--count` (=0) must be 6 or more"),
        (["--count", "3"], "`--count` (=3) must be 6 or more"),
        (["--temperature", "nan"], "`--temperature` (=nan)"),
        (["--limit", "-1"], "`--limit` (=-1) must be 0 or more"),
        (["--to", "samples.jpg"], "must name a PNG file"),
        (["--to", "nowhere/samples.png"], "in a folder that exists"),
        (["--data", "nothing"], "is not an image set"),
    ],
)
def test_generate_refuses_in_a_sentence(capsys, tiny_data, words, sentence):
    assert sentence in refusal(capsys, "generate", "tiny", "--data", tiny_data, *words)


def test_generate_of_a_set_with_a_single_image(capsys, tmp_path):
    path = tmp_path / "one.npz"
    np.savez(path, test_images=np.full((1, 32, 32, 3), 90, np.uint8))
    printed = refusal(capsys, "generate", "tiny", "--data", f"npz:{path}", "--count", "9")
    assert "1 real image is too few for precision" in printed


def test_generate_says_where_the_prior_has_seen_the_real_images(capsys, tmp_path):
    path = tmp_path / "single.npz"
    images = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), np.uint8)
    np.savez(path, test_images=images)
    assert cli.main(["generate", "tiny", "--data", f"npz:{path}", *SMALL]) == 0
    text = capsys.readouterr().out
    assert "fitted to 30 test images" in text and "no other split" in text


def test_generate_from_a_few_training_images_is_refused(capsys, tiny_data):
    printed = refusal(capsys, "generate", "tiny", "--data", tiny_data, "--limit", "1")
    assert "1 training image is too few for precision" in printed


# --- probe


def test_probe_gives_the_figures_of_the_package(capsys, tiny_data):
    found = answer(capsys, "probe", "tiny", "--data", tiny_data)
    assert (found["n_train"], found["n_test"]) == (160, 24)
    assert list(found["accuracy"]) == ["codes", "pca", "random_encoder", "pixels"]
    assert all(list(row) == ["logistic", "knn"] for row in found["accuracy"].values())
    for name, row in found["accuracy"].items():
        for probe, accuracy in row.items():
            error = found["standard_error"][name][probe]
            share = (24 * accuracy + 1) / 26  # one success and one failure added
            assert error == pytest.approx(np.sqrt(share * (1 - share) / 26))
    assert found["accuracy"]["pixels"]["knn"] > 0.8, "bright and dark squares"


def test_probe_with_fewer_training_images_and_as_text(capsys, tiny_data):
    assert answer(capsys, "probe", "tiny", "--data", tiny_data, "--limit", "50")["n_train"] == 50
    assert cli.main(["probe", "tiny", "--data", tiny_data]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in features.SPACES.values())
    assert "160 training images and 24 test images" in text and "Linear probe: " in text


def test_probe_leaves_out_images_without_a_class_folder(capsys, tmp_path):
    for n in range(40):
        folder = tmp_path / "set" / ("", "dark", "light", "light")[n % 4]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (60 * (n % 4),) * 3).save(folder / f"{n}.png")
    found = answer(capsys, "probe", "tiny", "--data", f"folder:{tmp_path / 'set'}")
    train = data.load(f"folder:{tmp_path / 'set'}", "train")
    assert found["n_train"] == (train.labels < 2).sum() < len(train)


def test_probe_of_one_class_is_a_sentence(capsys, tmp_path):
    path = tmp_path / "one.npz"
    images = np.full((4, 32, 32, 3), 90, np.uint8)
    np.savez(path, train_images=images, test_images=images)
    printed = refusal(capsys, "probe", "tiny", "--data", f"npz:{path}")
    assert "at least two classes: these 4 are of one" in printed
