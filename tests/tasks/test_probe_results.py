"""Predictions of probes are computed once for the same weights and images, and shipped for some."""

from pathlib import Path

import numpy as np
import pytest

from convae import cached_files, data
from convae.data import ImageSet
from convae.models import checkpoints
from convae.tasks import features, probe_results
from convae.tasks.features import PROBES, SPACES

SHIPPED = Path(__file__).parents[2] / "checkpoints"
BUILT_IN = ("photos", "digits", "shapes")


def image_set(waves, rows, fingerprint):
    labels = (waves.mean(axis=(1, 2, 3)) > np.median(waves.mean(axis=(1, 2, 3)))).astype(np.int64)
    return ImageSet(waves[rows], labels[rows], ("dark", "bright"), "all", "waves", fingerprint)


@pytest.fixture
def problem(tiny_checkpoint, waves):
    sets = [image_set(waves, slice(0, 200), "a"), image_set(waves, slice(200, 300), "b")]
    return checkpoints.load("tiny"), *sets


def silent(*step):
    pass


def no_fit():
    pytest.fail("PCA is not needed")


def files():
    return sorted((cached_files.folder() / "probes").glob("*.npy"))


def test_every_probe_is_fitted_in_every_space(problem, pca_of_waves):
    model, train, test = problem
    steps = []
    results = probe_results.probe_all(
        model, lambda: pca_of_waves, train, test, lambda *step: steps.append(step)
    )
    assert {name: list(row) for name, row in results.items()} == dict.fromkeys(SPACES, [*PROBES])
    fitting = [step for step in steps if step[2].startswith("fitting")]
    assert [step[0] for step in fitting] == list(range(8)) and {step[1] for step in fitting} == {8}
    encoders = features.encoders(model, lambda: pca_of_waves, silent, train.real_dimension)
    for name, encode in encoders.items():
        points = features.space(encode, train, test)
        for probe, result in results[name].items():
            alone = features.classify(probe, points, train.labels, test.labels)
            assert alone[:2] == result[:2]
            np.testing.assert_array_equal(alone.predicted, result.predicted)
    assert results["pixels"]["logistic"].accuracy > 0.8


def test_the_second_time_nothing_is_computed(problem, pca_of_waves, monkeypatch):
    model, train, test = problem
    first = probe_results.probe_all(model, lambda: pca_of_waves, train, test, silent)
    assert len(files()) == len(PROBES) * len(SPACES)
    monkeypatch.setattr(features, "predict", lambda *_: pytest.fail("computed again"))
    found = []
    again = probe_results.probe_all(model, no_fit, train, test, silent, found.append)
    assert found == []
    for name, row in first.items():
        for probe, result in row.items():
            assert again[name][probe][:2] == result[:2]
            assert again[name][probe].predicted.dtype == np.int64
            np.testing.assert_array_equal(again[name][probe].predicted, result.predicted)


def test_results_come_space_by_space_while_they_are_computed(problem, pca_of_waves):
    model, train, test = problem
    found = []
    probe_results.probe_all(model, lambda: pca_of_waves, train, test, silent, found.append)
    assert [list(results) for results in found] == [list(SPACES)[: n + 1] for n in range(4)]


def test_other_weights_images_or_settings_have_other_keys(problem, monkeypatch):
    model, train, test = problem

    def keys(*given):
        return {key for name in SPACES for key in probe_results.keys_of(name, *given).values()}

    first = keys(model, train, test)
    assert len(first) == len(PROBES) * len(SPACES) and first == keys(model, train, test)
    others = keys(model, train.take([1, 2]), test)
    assert not first & others and not first & keys(model, train, test.take([0]))
    monkeypatch.setitem(features.SETTINGS, "knn", (11,))
    assert len(first & keys(model, train, test)) == len(SPACES)


def test_two_models_share_what_does_not_depend_on_weights(problem):
    model, train, test = problem
    other = checkpoints.load(str(SHIPPED / "shapes-16"))
    shared = [
        name
        for name in SPACES
        if probe_results.keys_of(name, model, train, test)
        == probe_results.keys_of(name, other, train, test)
    ]
    assert shared == ["pixels"]


def test_curves_are_computed_once_and_come_space_by_space(problem, pca_of_waves, monkeypatch):
    model, train, test = problem
    given = model, lambda: pca_of_waves, train, test
    whole = probe_results.probe_all(*given, silent)
    found = []
    first = probe_results.label_curves("knn", *given, whole, silent, found.append)
    assert [list(curves) for curves in found] == [list(SPACES)[: n + 1] for n in range(4)]
    points = features.space(features.encoders(model, no_fit, silent)["codes"], train, test)
    expected = features.label_curve("knn", points, train.labels, test.labels, whole["codes"]["knn"])
    assert first["codes"] == expected and [point.labels for point in expected] == [10, 100, 200]
    monkeypatch.setattr(features, "label_curve", lambda *_: pytest.fail("computed again"))
    again = probe_results.label_curves("knn", model, no_fit, train, test, whole, silent)
    assert again == first and isinstance(again["pca"][0].labels, int)
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        probe_results.label_curves("logistic", *given, whole, silent)


@pytest.mark.parametrize(
    "damaged",
    [np.zeros((3, 3)), np.full((3, 3), np.nan), np.zeros((2, 3)), np.zeros(3, np.int16)],
)
def test_a_damaged_curve_is_computed_again(problem, pca_of_waves, damaged):
    model, train, test = problem
    given = model, lambda: pca_of_waves, train, test
    whole = probe_results.probe_all(*given, silent)
    first = probe_results.label_curves("knn", *given, whole, silent)
    for path in files():
        np.save(path, damaged)
    assert probe_results.label_curves("knn", *given, whole, silent) == first


@pytest.mark.parametrize(
    "damaged",
    [np.zeros(3, np.int16), np.full(100, 2, np.int16), np.full(100, -1, np.int16), np.zeros(100)],
)
def test_damaged_predictions_are_computed_again(problem, pca_of_waves, damaged):
    model, train, test = problem
    first = probe_results.probe_all(model, lambda: pca_of_waves, train, test, silent)
    for path in files():
        np.save(path, damaged)
    again = probe_results.probe_all(model, lambda: pca_of_waves, train, test, silent)
    assert all(
        again[name][probe][:2] == result[:2]
        for name, row in first.items()
        for probe, result in row.items()
    )


def test_nothing_about_images_of_a_session_is_written(problem, pca_of_waves, waves):
    model, train, _ = problem
    private = image_set(waves, slice(200, 300), "b-private")
    assert len(probe_results.probe_all(model, lambda: pca_of_waves, train, private, silent)) == 4
    assert not files()


def test_shipped_predictions_are_found_without_a_cache(problem, pca_of_waves, monkeypatch):
    model, train, test = problem
    first = probe_results.probe_all(model, lambda: pca_of_waves, train, test, silent)
    arrays = {path.stem: np.load(path) for path in files()}
    for path in files():
        path.unlink()
    probe_results.ship(arrays)
    monkeypatch.setattr(features, "predict", lambda *_: pytest.fail("computed again"))
    again = probe_results.probe_all(model, no_fit, train, test, silent)
    assert again["codes"]["knn"][:2] == first["codes"]["knn"][:2] and not files()


def sampled(spec: str) -> tuple[ImageSet, ImageSet]:
    """The images that Features opens with."""
    train = data.load(spec, "train").sample(features.TRAINING)
    return train, data.load(spec, "test").sample(features.TESTED)


@pytest.fixture(scope="module")
def built_in():
    return {spec: sampled(spec) for spec in BUILT_IN}


@pytest.mark.parametrize("name", sorted(path.parent.name for path in SHIPPED.glob("*/card.json")))
def test_every_shipped_model_has_results_for_the_built_in_sets(name, built_in, monkeypatch):
    """After a change of weights, images or probes: python -m benchmarks.ship_probes"""
    monkeypatch.setenv("CONVAE_CHECKPOINTS_DIR", str(SHIPPED))
    model = checkpoints.load(str(SHIPPED / name)).with_refinement_steps(0)
    monkeypatch.setattr(features, "space", lambda *_: pytest.fail("not shipped"))
    for train, test in built_in.values():
        results = probe_results.probe_all(model, no_fit, train, test, silent)
        assert list(results) == list(SPACES)
        for probe in PROBES:
            given = probe, model, no_fit, train, test, results, silent
            assert list(probe_results.label_curves(*given)) == list(SPACES)


def test_shipped_predictions_are_those_of_the_probes(built_in, monkeypatch):
    """A processor that rounds otherwise may decide a few images otherwise."""
    model = checkpoints.load(str(SHIPPED / "cifar10-64")).with_refinement_steps(0)
    train, test = built_in["digits"]
    encoders = features.encoders(model, no_fit, silent)
    monkeypatch.setenv("CONVAE_CHECKPOINTS_DIR", str(SHIPPED))
    for name in ("codes", "random_encoder"):
        points = features.space(encoders[name], train, test)
        for probe, key in probe_results.keys_of(name, model, train, test).items():
            shipped = probe_results.read(key, len(test), 10)
            assert (shipped == features.predict(probe, points, train.labels)).mean() > 0.99
