import json

import numpy as np
import plotly.graph_objects as go
import pytest

from convae import plots
from convae.plots import tasks

EMPTY = {
    "psnr_over_strength": (
        plots.psnr_over_strength([], {}, "Sigma (8-bit units)"),
        ("Sigma (8-bit units)", "PSNR (dB)"),
    ),
    "roc": (plots.roc({}), ("False positive rate", "True positive rate")),
    "precision_recall": (plots.precision_recall({}), ("Recall", "Precision")),
    "score_histogram": (
        plots.score_histogram([], [], "Score", 1.0),
        ("Score", "Images of the group (%)"),
    ),
}


@pytest.mark.parametrize("name", EMPTY)
def test_no_data_give_an_empty_figure_with_its_axes(name):
    figure, expected = EMPTY[name]
    assert isinstance(figure, go.Figure)
    assert all(trace.x is None or len(trace.x) == 0 for trace in figure.data)
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == expected
    json.loads(figure.to_json())


def test_each_method_has_its_line_and_the_strength_is_marked():
    figure = plots.psnr_over_strength(
        (5, 25), {"Model": [20, 19], "NL <b>": [30, 25]}, "Sigma", 25.0, ["Model"]
    )
    assert [trace.name for trace in figure.data] == ["Model", "NL &lt;b&gt;"]
    assert list(figure.data[1].y) == [30, 25]
    assert figure.data[0].line.width > figure.data[1].line.width
    assert figure.layout.shapes[0].x0 == 25


def test_curves_keep_their_ends_when_they_are_thinned():
    x, y = tasks._thinned(np.linspace(0, 1, 5_001), np.linspace(1, 0, 5_001))
    assert len(x) == tasks.MOST_POINTS and (x[0], x[-1], y[0], y[-1]) == (0, 1, 1, 0)
    assert tasks._thinned([0.5], [1]) == ([0.5], [1.0])


def test_a_roc_has_the_diagonal_and_precision_the_share_of_suspects():
    curve = (np.array([0, 0.5, 1]), np.array([0, 1, 1]))
    figure = plots.roc({"a": curve, "b": curve}, ["b"])
    assert [trace.name for trace in figure.data[:2]] == ["a", "b"]
    assert list(figure.data[-1].y) == [0, 1]
    figure = plots.precision_recall({"a": curve}, 0.25)
    assert list(figure.data[-1].y) == [0.25, 0.25]


def test_bars_hold_every_image_of_both_groups():
    normal, suspects = np.r_[np.arange(100.0), np.nan], np.arange(50.0, 250)
    middles, (left, right) = tasks._bars(normal, suspects, 20)
    assert len(middles) == len(left) == len(right) == 20
    assert sum(left) == pytest.approx(100) and sum(right) == pytest.approx(100)
    assert middles[-1] < 250


def test_a_few_far_values_do_not_squeeze_the_others():
    normal, suspects = np.arange(1000.0), np.r_[np.arange(500.0), 1e9]
    middles, (_, right) = tasks._bars(normal, suspects, 20)
    assert middles[-1] < 1_000 and sum(right) == pytest.approx(100)


def test_the_threshold_is_drawn_inside_the_histogram():
    figure = plots.score_histogram([1, 2, 3], [4, 5], "Score", 3.5)
    assert figure.layout.shapes[0].x0 == 3.5
    assert plots.score_histogram([1, 2, 3], [4, 5], "Score", 1e9).layout.shapes[0].x0 < 6


def test_equal_scores_have_a_histogram():
    figure = plots.score_histogram([1, 1], [1], "Score", 1.0)
    assert sum(figure.data[0].y) == pytest.approx(100)
