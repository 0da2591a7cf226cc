import numpy as np
import pytest

from convae.tasks import separation


def shifted(count, shift, seed):
    return np.random.default_rng(seed).normal(shift, 1, count).round(1)  # with ties


def test_auroc_average_precision_and_curves_are_those_of_scikit_learn():
    from sklearn import metrics

    normal, suspects = shifted(80, 0, 0), shifted(50, 1, 1)
    labels, scores = np.r_[np.zeros(80), np.ones(50)], np.r_[normal, suspects]
    found = separation.measure(normal, suspects)
    assert found.auroc == metrics.roc_auc_score(labels, scores)
    assert found.average_precision == metrics.average_precision_score(labels, scores)
    false_rate, true_rate = separation.roc_curve(normal, suspects)
    assert metrics.auc(false_rate, true_rate) == pytest.approx(found.auroc)
    recall, precision = separation.precision_recall_curve(normal, suspects)
    assert -np.diff(recall) @ precision[:-1] == pytest.approx(found.average_precision)


def test_resampled_figures_are_those_of_scikit_learn():
    from sklearn import metrics

    rng = np.random.default_rng(2)
    normal, suspects = shifted(60, 0, 3), shifted(40, 0.5, 4)
    drawn = rng.choice(normal, 60), rng.choice(suspects, 40)
    labels, scores = np.r_[np.zeros(60), np.ones(40)], np.r_[drawn]  # drawn with repeats
    levels = np.unique(np.r_[normal, suspects])
    counts = [np.bincount(np.searchsorted(levels, d), minlength=len(levels)) for d in drawn]
    scores = np.concatenate(drawn)
    assert separation._auroc(*counts) == pytest.approx(metrics.roc_auc_score(labels, scores))
    precision = metrics.average_precision_score(labels, scores)
    assert separation._average_precision(*counts) == pytest.approx(precision)


def test_bootstrap_standard_error_is_that_of_repeated_samples():
    repeated = [
        separation.measure(shifted(100, 0, 10 + n), shifted(60, 1, 1_000 + n), resamples=2)
        for n in range(300)
    ]
    one = separation.measure(shifted(100, 0, 0), shifted(60, 1, 1), resamples=500)
    assert one.auroc_se == pytest.approx(np.std([each.auroc for each in repeated]), rel=0.2)
    spread = np.std([each.average_precision for each in repeated])
    assert one.average_precision_se == pytest.approx(spread, rel=0.25)


def test_one_image_in_a_group_has_no_standard_error():
    found = separation.measure(np.array([0.0]), np.array([1.0, 2.0]))
    assert found.auroc == 1 and np.isnan(found.auroc_se)


def test_a_threshold_flags_the_rest_of_the_normal_images():
    above = separation.threshold(np.arange(101.0), 95)
    assert above == 95
    found = separation.confusion(np.arange(101.0), np.array([95.0, 95.5, 200]), above)
    assert found == (96, 5, 1, 2)
