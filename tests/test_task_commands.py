"""The commands of the tasks: what scripts rely on, and one sentence for what cannot be."""

import json

import numpy as np
import pytest

from convae import __main__ as cli
from convae import data
from convae.data import builtin
from convae.data.corruptions import corrupt
from convae.evaluation import metrics
from convae.models import checkpoints
from convae.tasks import anomaly, separation


@pytest.fixture
def model(add_checkpoint):
    add_checkpoint("tiny", "digits")
    return checkpoints.load("tiny")


def called(capsys, *arguments):
    assert cli.main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_denoise_has_the_keys_that_scripts_rely_on(model, capsys):
    found = called(
        capsys, "denoise", "tiny", "--data", "digits", "--corruption", "gaussian",
        "--strength", "25", "--limit", "10",
    )  # fmt: skip
    assert found["n"] == 10
    methods = ["corrupted", "model", "pca_wiener", "nl_means", "wavelet", "tv", "median"]
    assert set(methods) <= set(found["methods"])
    assert all(set(each) == {"psnr", "ssim"} for each in found["methods"].values())
    images = data.load("digits", "test").sample(10).images
    noisy = corrupt(images, "gaussian", 25)
    assert found["methods"]["corrupted"]["psnr"] == pytest.approx(metrics.set_psnr(images, noisy))
    restored = model.with_refinement_steps(0).reconstruct(noisy)
    expected = metrics.summary(images, restored)
    assert found["methods"]["model"]["psnr"] == pytest.approx(expected.psnr)
    assert found["methods"]["model"]["ssim"] == pytest.approx(expected.ssim)


def test_denoise_prints_a_table_and_the_winner(model, capsys):
    assert cli.main(["denoise", "tiny", "--limit", "3"]) == 0
    printed = capsys.readouterr().out
    assert "NL-means" in printed and "restores the measured images best" in printed
    assert "3 test images of digits; Gaussian noise, strength 25 (8-bit units)." in printed


def test_denoise_of_unchanged_images_is_exact(model, capsys):
    words = ["denoise", "tiny", "--limit", "3", "--strength", "0"]
    assert cli.main(words) == 0
    printed = capsys.readouterr().out
    assert "exact" in printed and "200" not in printed
    assert called(capsys, *words)["methods"]["corrupted"]["psnr"] is None


def test_denoise_compares_with_other_checkpoints(model, add_checkpoint, capsys):
    add_checkpoint("other", "digits")  # the same weights
    words = ["denoise", "tiny", "--limit", "3", "--beside", "other"]
    found = called(capsys, *words)["methods"]
    assert found["other"] == found["model"]
    assert cli.main(words) == 0
    assert "\nother " in capsys.readouterr().out


def test_denoise_without_training_images_has_no_pca(model, tmp_path, capsys):
    np.savez(tmp_path / "a.npz", test_images=data.load("digits", "test").images[:2])
    found = called(capsys, "denoise", "tiny", "--data", f"npz:{tmp_path}/a.npz")
    assert found["n"] == 2 and "pca_wiener" not in found["methods"]


def test_anomaly_has_the_keys_that_scripts_rely_on(model, capsys):
    found = called(
        capsys, "anomaly", "tiny", "--normal", "digits:3", "--suspects", "digits:4,5",
        "--fit-limit", "40",
    )  # fmt: skip
    test = data.load("digits", "test")
    assert found["n_fit"] == 40
    assert found["n_normal"] == (test.labels == 3).sum()
    assert found["n_suspects"] == np.isin(test.labels, (4, 5)).sum()
    assert {"reconstruction_mse", "knn_codes", "pca_residual"} <= set(found["scores"])
    train = data.load("digits", "train")
    fitted = train.take(train.labels == 3).sample(40)
    detector = anomaly.fit(model, fitted.images)
    scores = [
        detector.scores(test.images[np.isin(test.labels, which)])["knn_codes"]
        for which in ((3,), (4, 5))
    ]
    expected = separation.measure(*scores)
    assert found["scores"]["knn_codes"]["auroc"] == pytest.approx(expected.auroc)
    assert found["scores"]["knn_codes"]["average_precision"] == pytest.approx(
        expected.average_precision
    )


def test_anomaly_of_one_suspect_has_no_standard_error(model, tmp_path, capsys):
    np.savez(tmp_path / "a.npz", test_images=np.zeros((1, 32, 32, 3), np.uint8))
    found = called(
        capsys, "anomaly", "tiny", "--normal", "digits:3", "--suspects", f"npz:{tmp_path}/a.npz"
    )
    assert found["n_suspects"] == 1 and found["scores"]["png_bytes"]["auroc_se"] is None
    assert cli.main(["anomaly", "tiny", "--normal", "digits:3",
                     "--suspects", f"npz:{tmp_path}/a.npz"]) == 0  # fmt: skip
    assert "nan" not in capsys.readouterr().out


def test_anomaly_prints_a_table_and_the_winner(model, capsys):
    assert cli.main(["anomaly", "tiny", "--normal", "digits:3", "--suspects", "noise",
                     "--limit", "5"]) == 0  # fmt: skip
    printed = capsys.readouterr().out
    assert (
        "PNG bytes" in printed
        and "AUROC" in printed
        and "5 normal images and 5 suspects" in printed
    )
    assert "PCA has" not in printed


def test_where_pca_has_fewer_components_than_the_model_dimensions_it_is_printed(
    model, capsys, monkeypatch
):
    monkeypatch.setitem(builtin.REAL_DIMENSION, "digits", 4)
    few = "PCA has 4 components and not 8, as an image has no more values."
    assert cli.main(["anomaly", "tiny", "--normal", "digits:3", "--suspects", "noise",
                     "--limit", "5"]) == 0  # fmt: skip
    assert few in capsys.readouterr().out
    assert cli.main(["probe", "tiny", "--data", "digits", "--limit", "100"]) == 0
    assert few in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["denoise", "tiny", "--strength", "200"], "`strength` (=200) of gaussian must lie in"),
        (["denoise", "tiny", "--strength", "nan"], "must lie in 0..150"),
        (["denoise", "tiny", "--limit", "-1"], "`--limit` (=-1) must be 0 or more"),
        (["denoise", "tiny", "--seed", "-1"], "`--seed` (=-1) must be 0 or more"),
        (["denoise", "nothing"], "nothing"),
        (["generate", "tiny", "--count", "3"], "`--count` (=3) must be 6 or more"),
        (["denoise", "tiny", "--data", "rain"], "`rain` is not an image set"),
        (["anomaly", "tiny", "--normal", "digits", "--suspects", "digits"], "choose one of its"),
        (["anomaly", "tiny", "--normal", "digits:x", "--suspects", "noise"], "no class `x`"),
        (["anomaly", "tiny", "--normal", "rain", "--suspects", "noise"], "not an image set"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments, words, model, capsys):
    assert cli.main(arguments) == 1
    printed = capsys.readouterr().err
    assert words in printed and printed.count("\n") == 1 and "Traceback" not in printed
