import json

import numpy as np
import plotly.graph_objects as go
import pytest

from convae import plots
from convae.evaluation import metrics
from convae.plots import latent, quality, style


def record(epoch, **changes):
    values = dict(epoch=epoch, step=100 * epoch, train_loss=1 / epoch, val_loss=1.5 / epoch)
    values |= dict(val_psnr=10.0 + epoch, learning_rate=1e-3, elapsed_s=60.0 * epoch)
    return values | changes


HISTORY = [record(1), record(2), record(3)]
POINTS = np.array([[0, 0], [1, 2], [3, 4], [5, 6]], np.float32)
NAMES = ["cat", "dog", "frog"]


def titles(figure):
    return figure.layout.xaxis.title.text, figure.layout.yaxis.title.text


EMPTY = {
    "compare_runs": (plots.compare_runs({}), ("Epoch", "PSNR (dB)")),
    "histogram": (plots.histogram([], "PSNR (dB)"), ("PSNR (dB)", "Images")),
    "rate_distortion": (plots.rate_distortion({}), ("Size (bytes per image)", "PSNR (dB)")),
    "spectrum": (plots.spectrum({}), ("Spatial frequency (cycles per pixel)", "Power")),
    "bands": (plots.bands({}), ("Spatial frequency (cycles per pixel)", "Lost (% of the signal)")),
    "code_bars": (plots.code_bars(None), ("Latent dimension", "Value")),
    "latent_scatter": (plots.latent_scatter([]), (None, None)),
    "path_inspector": (plots.path_inspector({}), ("Frame", None)),
}


@pytest.mark.parametrize("name", EMPTY)
def test_no_data_give_an_empty_figure_with_its_axes(name):
    figure, expected = EMPTY[name]
    assert isinstance(figure, go.Figure)
    assert all(trace.x is None or len(trace.x) == 0 for trace in figure.data)
    assert tuple(title or None for title in titles(figure)) == expected
    json.loads(figure.to_json())


FIGURES = {
    "loss": plots.compare_runs({"one": HISTORY}, show="loss"),
    "psnr": plots.compare_runs({"one": HISTORY}, by="elapsed_s"),
    "runs": plots.compare_runs({"one": HISTORY, "two": HISTORY[:1], "three": []}, by="step"),
    "histogram": plots.histogram(np.arange(50.0), "PSNR (dB)"),
    "histograms": plots.histogram({"normal": [1, 2], "odd": [3], "none": []}, "Score"),
    "rate": plots.rate_distortion({"PCA": [(64, 20.0), (16, 10.0)]}, marked={"PCA": (16, 10.0)}),
    "spectrum": plots.spectrum({"original": (np.array([0.1, 0.5]), np.array([1.0, 0.1]))}),
    "code": plots.code_bars(np.array([1, -2, 3])),
    "map": plots.latent_scatter(POINTS, [0, 1, 1, -1], NAMES),
    "map in 3-D": plots.latent_scatter(np.ones((4, 3)), [0, 1, 1, 2], NAMES, ids=[9, 8, 7, 6]),
    "map by number": plots.latent_scatter(POINTS, color=[1, 2, 3, 4], label="PSNR (dB)"),
    "path": plots.path_inspector({"one": [1, 2], "two": [3, 4], "three": [5, 6]}, frame=1),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_transparent_keeps_its_zoom_and_sets_no_drag_mode(name):
    figure = FIGURES[name]
    assert figure.data
    assert figure.layout.template.layout.paper_bgcolor == plots.CLEAR
    assert figure.layout.template.layout.plot_bgcolor == plots.CLEAR
    assert figure.layout.dragmode is None and figure.layout.title.text is None
    assert "NaN" not in figure.to_json()


def test_every_color_reads_on_white_and_on_near_black():
    def luminance(color):
        parts = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722] + 0.05

    dark = luminance("#0e1117")
    assert len(set(plots.PALETTE)) == 10
    for color in plots.PALETTE:
        assert 1.05 / luminance(color) >= 3 and luminance(color) / dark >= 3
    assert set(plots.COLORS.values()) <= set(plots.PALETTE)


def test_a_name_keeps_its_color_and_no_other_takes_it():
    assert style.colors(["PCA", "mine", "yours"]) == {
        "PCA": style.ORANGE,
        "mine": style.BLUE,
        "yours": style.GREEN,
    }
    assert len(style.colors([f"model {i}" for i in range(25)])) == 25


def test_curves_of_a_run():
    assert quality._curve(HISTORY, "a", "epoch", "loss") == ("a", [1, 2, 3], [1.5, 0.75, 0.5])
    timed = quality._curve(HISTORY, "a", "elapsed_s", "psnr", 60.0)
    assert timed == ("a", [1.0, 2.0, 3.0], [11.0, 12.0, 13.0])
    assert quality._curve([record(1, val_loss=0.0)], "a", "step", "loss") == ("a", [100], [0.0])


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_a_value_that_is_missing_leaves_no_point(missing):
    history = [record(1), record(2, val_psnr=missing), record(3)]
    assert quality._curve(history, "v", "step", "psnr") == ("v", [100, 300], [11.0, 13.0])
    assert quality._curve([{"epoch": 1}], "v", "epoch", "psnr") == ("v", [], [])


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="by .*'moon'.* is one of .*elapsed_s"):
        plots.compare_runs({"one": HISTORY}, by="moon")
    with pytest.raises(ValueError, match="show .*'both'.* of .*'loss', 'psnr'"):
        plots.compare_runs({"one": HISTORY}, show="both")


@pytest.mark.parametrize(
    "seconds, unit",
    [(0, (1, "Time (s)")), (200, (60, "Time (min)")), (20_000, (3600, "Time (h)"))],
)
def test_time_has_the_unit_that_suits_it(seconds, unit):
    assert quality._time_unit(seconds) == unit


def test_the_axes_name_their_units():
    assert titles(FIGURES["loss"]) == ("Epoch", "Loss")
    assert titles(FIGURES["psnr"]) == ("Time (min)", "PSNR (dB)")


def test_runs_are_compared_by_their_validation_curves():
    figure = FIGURES["runs"]
    drawn = {t.name: (list(t.x), list(t.y)) for t in figure.data}
    assert drawn == {
        "one": ([100, 200, 300], [11, 12, 13]),
        "two": ([100], [11]),
        "three": ([], []),
    }
    assert [t.mode for t in figure.data] == ["lines", "markers", "markers"]


@pytest.mark.parametrize(
    ("epochs", "by", "dtick"), [(3, "epoch", 1), (3, "step", 1), (3, "elapsed_s", None),
                                (60, "epoch", None)],
)  # fmt: skip
def test_a_few_epochs_or_steps_have_a_tick_each(epochs, by, dtick):
    history = [{"epoch": e, "step": e, "elapsed_s": e, "val_psnr": 20.0}
               for e in range(1, epochs + 1)]  # fmt: skip
    figure = quality.compare_runs({"a": history[:2], "b": history}, by=by)
    assert figure.layout.xaxis.dtick == dtick


def test_text_from_outside_is_not_read_as_html():
    figure = plots.compare_runs({"<a href='x'>run</a>": HISTORY})
    assert figure.data[0].name == "&lt;a href='x'&gt;run&lt;/a&gt;"
    figure = plots.latent_scatter(POINTS, [0, 0, 0, 0], ["<b>cat"])
    assert "<b>" not in figure.data[0].name + figure.data[0].hovertemplate


def test_counts_by_hand():
    edges, counts = quality._counts({"a": [0, 1, 1, np.inf, np.nan], "b": [2]}, 2)
    assert edges == [0, 1, 2]
    assert counts == {"a": [1, 2], "b": [0, 1]}
    assert quality._counts({"a": [np.inf]}, 2) == ([], {"a": []})
    assert sum(quality._counts({"a": [5, 5, 5]}, 4)[1]["a"]) == 3


def test_lost_bands_by_hand():
    assert quality._lost(
        [
            metrics.BandError(0, 1 / 64, 0.0, 0.5),
            metrics.BandError(1 / 64, 1 / 16, 0.1, 0.4),
            metrics.BandError(1 / 16, 1 / 8, 0.1, 0.1),
            metrics.BandError(1 / 2, 0.75, 0.0, 0.0),
        ]
    ) == (["brightness", "below 1/16", "1/16 to 1/8", "above 1/2"], [0, 25, 100, 0])


def test_bands_take_what_the_metrics_give():
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    (bars,) = plots.bands({"PCA": metrics.band_error(images, images[::-1])}).data
    assert len(bars.x) == len(set(bars.x)) == len(bars.y) == 6


def test_sizes_are_drawn_in_order():
    line, mark = FIGURES["rate"].data
    assert list(line.x) == [16, 64] and list(line.y) == [10, 20]
    assert mark.marker.color == line.line.color


def test_the_spectrum_draws_every_frequency():
    (line,) = FIGURES["spectrum"].data
    assert list(line.x) == [0.1, 0.5] and list(line.y) == [1.0, 0.1]


def test_the_bars_are_the_values_of_the_code():
    (bars,) = FIGURES["code"].data
    assert list(bars.x) == [0, 1, 2] and list(bars.y) == [1, -2, 3]


def test_groups_are_the_classes_that_occur_and_the_rest():
    assert latent._groups([2, 0, 2, -1], NAMES, 4) == [
        ("cat", [1]),
        ("frog", [0, 2]),
        ("no class", [3]),
    ]
    assert latent._groups(None, NAMES, 2) == [("", [0, 1])]
    assert latent._groups([], NAMES, 0) == latent._groups(None, (), 0) == []


def test_a_point_on_the_map_knows_its_image():
    figure = plots.latent_scatter(POINTS, [1, 0, 1, 0], NAMES, ids=[40, 41, 42, 43])
    assert [(t.type, t.name, list(t.customdata), list(t.x)) for t in figure.data] == [
        ("scattergl", "cat", [41, 43], [1, 5]),
        ("scattergl", "dog", [40, 42], [0, 3]),
    ]


def test_a_class_keeps_its_color_when_another_is_missing():
    with_cats = plots.latent_scatter(POINTS, [0, 1, 1, 2], NAMES)
    without = plots.latent_scatter(POINTS, [1, 1, 1, 2], NAMES)
    color = {t.name: t.marker.color for t in with_cats.data}
    assert {t.name: t.marker.color for t in without.data} == {n: color[n] for n in NAMES[1:]}


def test_a_map_in_three_dimensions_is_one_in_space():
    assert {trace.type for trace in FIGURES["map in 3-D"].data} == {"scatter3d"}
    (dots,) = FIGURES["map by number"].data
    assert list(dots.marker.color) == [1, 2, 3, 4]
    assert dots.marker.colorbar.title.text == "PSNR (dB)"


def test_the_path_inspector_has_a_row_for_each_value():
    figure = FIGURES["path"]
    assert [list(trace.y) for trace in figure.data] == [[1, 2], [3, 4], [5, 6]]
    assert [trace.yaxis or "y" for trace in figure.data] == ["y", "y2", "y3"]
    assert [note.text for note in figure.layout.annotations[:3]] == ["one", "two", "three"]


def test_a_name_that_is_also_marked_keeps_the_first_free_color():
    figure = plots.rate_distortion({"mine": [(16, 10.0)]}, marked={"mine": (16, 10.0)})
    assert [trace.marker.color or trace.line.color for trace in figure.data] == [style.BLUE] * 2


def test_the_path_inspector_compares_paths_in_each_row():
    paths = {"Cross-fade": [1, 2, 3], "Straight line": [4, 5, 6]}
    figure = plots.path_inspector({"one": paths, "two": paths}, marks=[0, 2])
    assert [trace.name for trace in figure.data] == [*paths, *paths]
    assert [trace.yaxis for trace in figure.data] == [None, None, "y2", "y2"]
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]
    assert figure.data[0].line.color == figure.data[2].line.color == plots.COLORS["Cross-fade"]
    assert [shape.x0 for shape in figure.layout.shapes] == [0, 2]


def test_points_in_space_are_opaque_and_smaller_the_more_there_are():
    sizes = []
    for count in (100, 2_000, 10_000):
        (dots,) = plots.latent_scatter(np.zeros((count, 3)), [0] * count, NAMES[:1]).data
        assert dots.marker.opacity == 1  # transparent ones are painted class by class, not by depth
        sizes.append(dots.marker.size)
    assert sizes == sorted(sizes, reverse=True) and sizes[2] <= 1 < sizes[0]
