"""Figures of the pages Generate and Features: numbers that reach plotly, empty figures."""

import json

import numpy as np
import pytest

from convae import plots
from convae.plots import tasks

EMPTY = {
    "merits": (tasks.merits({}), None, "Value"),
    "accuracies": (tasks.accuracies({}, 0.1), None, "Accuracy (%)"),
    "label_curves": (tasks.label_curves({}, 0.1), "Labels in total", "Accuracy (%)"),
    "confusion": (tasks.confusion([], []), "Predicted class", "True class"),
    "explained_variance": (
        tasks.explained_variance({}), "Principal directions", "Explained variance (%)",
    ),
    "correlation": (tasks.correlation([]), "Latent dimension", "Latent dimension"),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_no_data_give_an_empty_figure_with_its_axes(name):
    figure, x_title, y_title = EMPTY[name]
    assert not figure.data and not figure.layout.shapes
    assert (figure.layout.xaxis.title.text or None) == x_title
    assert figure.layout.yaxis.title.text == y_title
    json.loads(figure.to_json())


def test_merits_have_a_bar_for_each_generator_and_figure():
    rows = {"Gaussian": {"precision": 0.5, "recall": 0.25}, "<b>": {"precision": 0, "recall": 1}}
    figure = plots.merits(rows)
    assert [bar.name for bar in figure.data] == ["Gaussian", "&lt;b&gt;"]
    assert figure.data[0].x == ("precision", "recall") and figure.data[0].y == (0.5, 0.25)


def test_accuracies_are_percentages_with_their_errors_and_the_line_of_chance_level():
    values = {"codes": {"probe": (0.3, 0.02)}, "<i>": {"probe": (0.4, 0.01), "kNN": (0.2, 0.03)}}
    figure = plots.accuracies(values, chance=0.1)
    probe, knn, line = figure.data
    assert probe.x == ("codes", "&lt;i&gt;") and probe.y == (30, 40)
    assert tuple(probe.error_y.array) == (2, 1) and tuple(knn.error_y.array) == (3,)
    assert figure.layout.shapes[0].y0 == 10 and line.name == "chance level (10%)"


def test_label_curves_rise_over_a_logarithmic_axis_with_a_tick_at_each_count():
    figure = plots.label_curves({"codes": [(10, 0.2, 0.01), (100, 0.3, 0.02)], "PCA": []})
    assert figure.layout.xaxis.type == "log" and figure.layout.xaxis.tickvals == (10, 100)
    assert figure.data[0].y == (20, 30) and tuple(figure.data[0].error_y.array) == (1, 2)


def test_confusion_shows_shares_of_the_true_class_and_keeps_counts():
    figure = plots.confusion([[3, 1], [0, 0]], ["a", "<b>"])
    assert np.array_equal(figure.data[0].z, [[75, 25], [0, 0]])
    assert np.array_equal(figure.data[0].customdata, [[3, 1], [0, 0]])
    assert figure.data[0].x == ("a", "&lt;b&gt;")
    many = plots.confusion(np.eye(21), [str(n) for n in range(21)])
    assert not many.layout.xaxis.showticklabels


def test_explained_variance_counts_directions_from_one():
    figure = plots.explained_variance({"codes": [0.5, 1.0], "pixels": [0.25, 0.5, 1.0]})
    assert figure.data[0].x == (1, 2) and figure.data[1].y == (25, 50, 100)


def test_correlation_is_drawn_on_a_fixed_scale():
    heat = plots.correlation([[1, -0.5], [-0.5, 1]]).data[0]
    assert (heat.zmin, heat.zmax) == (-1, 1) and np.asarray(heat.z)[0, 1] == -0.5
