import numpy as np
import pytest

from convae import data
from convae.evaluation import shipped_pca
from convae.evaluation.pca import fit_pca, pca_for


@pytest.fixture
def written():
    train = data.load("digits", "train").sample(600)
    shipped_pca._load.cache_clear()
    shipped_pca.path().parent.mkdir(parents=True)
    shipped_pca.write(train)
    yield train
    shipped_pca._load.cache_clear()


def test_the_stand_in_has_the_pca_of_the_images_it_stands_for(written):
    stand_in = shipped_pca.stand_in()
    pca, expected = pca_for(stand_in), fit_pca(written.images)
    assert pca.fitted_on == 600 and len(stand_in) == shipped_pca.REFERENCE
    assert np.allclose(pca.components, expected.components, atol=1e-3)
    test = data.load("digits", "test").images[:50]
    difference = pca.reconstruct(test, 16).astype(int) - expected.reconstruct(test, 16)
    assert np.abs(difference).max() <= 1


def test_any_other_set_is_fitted(written):
    other = data.load("digits", "test")
    assert shipped_pca.pca_of(other) is None and pca_for(other, 8).fitted_on == len(other)


@pytest.mark.parametrize("content", [None, b"", b"rubbish", b"PK\x03\x04"])
def test_without_a_sound_file_there_is_no_stand_in(content):
    shipped_pca._load.cache_clear()
    if content is not None:
        shipped_pca.path().parent.mkdir(parents=True)
        shipped_pca.path().write_bytes(content)
    assert shipped_pca.stand_in() is None


def test_the_shipped_file_has_1024_components_of_the_50000_training_images(monkeypatch):
    monkeypatch.delenv("CONVAE_CHECKPOINTS_DIR")
    shipped_pca._load.cache_clear()
    stand_in = shipped_pca.stand_in()
    pca = pca_for(stand_in)
    assert pca.components.shape == (1024, 3072) and pca.fitted_on == 50_000
    products = pca.components @ pca.components.T
    assert np.abs(products - np.eye(1024)).max() < 2e-3
    shipped_pca._load.cache_clear()


def test_images_to_fit_pca_to(written):
    assert shipped_pca.fit_images("digits").name == "digits"
    for spec in ("cifar10", "sample"):
        stand_in = shipped_pca.fit_images(spec)
        assert stand_in.fingerprint == shipped_pca.stand_in().fingerprint


def test_the_command_line_compares_the_sample_with_the_shipped_pca(written, add_checkpoint, capsys):
    import json

    from convae.__main__ import main

    add_checkpoint("tiny", "cifar10")
    for fit in ([], ["--fit-data", "cifar10"]):
        assert main(["evaluate", "tiny", "--data", "sample", *fit, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["baselines"]["pca"]["psnr"] > 5
    assert main(["denoise", "tiny", "--data", "sample", "--corruption", "gaussian", "--json"]) == 0
    assert "pca_wiener" in json.loads(capsys.readouterr().out)["methods"]
