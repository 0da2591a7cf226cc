"""What a sweep reports is what its runs and PCA reached on the same images."""

import pytest

from convae import runs
from convae.csv_export import to_csv
from convae.evaluation import metrics
from convae.evaluation.pca import fit_pca
from convae.flat_config import from_flat
from convae.plots.sweep import psnr_over_dimension
from convae.runs import queue, sweep
from convae.training import reference_levels, session, splits, sweep_results


def test_rows_name_the_best_psnr_and_that_of_pca_on_the_same_images(tiny_data, monkeypatch):
    monkeypatch.setattr(queue, "ensure", lambda: None)
    settings = dict(spec=tiny_data, architecture="strided", base_channels=8, batch_size=32)
    made = sweep.start(from_flat(settings | {"epochs": 2}), [2, 4, 8])
    assert [row.state for row in sweep_results.rows(made)] == ["queued"] * 3
    for _ in range(2):
        entry = queue.take()
        run = runs.claim(entry.config, entry.name)
        queue.drop(entry)
        assert session.TrainingSession(run).execute().state == "done"
    queue.cancel(queue.entries()[0].id)
    two, four, eight = sweep_results.rows(made)
    assert (eight.state, eight.psnr) == ("removed", None)
    for row in (two, four):
        assert row.psnr == max(e["val_psnr"] for e in runs.get(row.run).history())
        _, kept, held = splits.load_images(runs.get(row.run).config())
        pca = fit_pca(kept.images, row.dimension)
        expected = metrics.set_psnr(held.images, pca.reconstruct(held.images, row.dimension))
        assert row.pca_psnr == pytest.approx(expected, abs=1e-3)
        assert row.test_psnr > 5 and row.ended and row.epoch == 2
    lines = to_csv(sweep_results.table([two, four, eight])).splitlines()
    assert lines[0].startswith("Latent dimension,Run,State,PSNR (dB),PCA (dB),Test PSNR (dB)")
    assert lines[1].split(",")[:4] == ["2", "sweep-1-2", "done", str(two.psnr)]
    assert lines[3].split(",")[3:6] == ["", "", ""]


def test_a_sweep_with_noise_names_its_psnr():
    row = sweep_results.SweepRow(4, "a", "done", 20.0, 19.0, None, 1, 2.0, 0.2, True)
    assert "Denoising PSNR at noise 0.2 (dB)" in sweep_results.table([row])[0]


@pytest.mark.parametrize(
    ("psnrs", "words"),
    [
        ([], ""),
        ([(12.0, 10.0), (13.0, 12.5)], "Above PCA at every latent dimension measured, by at least "
         "0.50 dB."),
        ([(12.0, 10.0), (17.383, 17.38)], "Above PCA at every latent dimension measured, at one "
         "of them by less than 0.01 dB."),
        ([(9.0, 10.0), (10.0, 12.5)], "Below PCA at every latent dimension"),
        ([(12.0, 10.0), (10.0, 12.5)], "Above PCA at 2, not at the others."),
    ],
)  # fmt: skip
def test_the_sentence_follows_the_figures(psnrs, words):
    rows = [
        sweep_results.SweepRow(2 * n, "a", "done", mine, pca, ended=True)
        for n, (mine, pca) in enumerate(psnrs, 1)
    ]
    queued = sweep_results.SweepRow(64, "a", "queued")
    assert sweep_results.sentence([*rows, queued]).startswith(words)
    assert bool(words) == bool(sweep_results.sentence([*rows, queued]))


def test_the_curve_has_a_point_for_each_dimension_that_was_measured():
    figure = psnr_over_dimension([2, 4, 8], {"autoencoder": [10, None, 14], "PCA": [9, 10, 11]})
    assert [list(line.x) for line in figure.data] == [[2, 8], [2, 4, 8]]
    assert list(figure.layout.xaxis.ticktext) == ["2", "4", "8"]


def test_pca_with_fewer_values_than_the_run_is_the_one_beside_it(monkeypatch):
    monkeypatch.setattr(queue, "ensure", lambda: None)
    made = sweep.start(from_flat({"spec": "digits"}), [128])
    entry = queue.take()
    run = runs.claim(entry.config, entry.name)
    reference_levels.write(run.path, {"PCA, 64 values": {"psnr": 100.0, "loss": 0.0}})
    (row,) = sweep_results.rows(made)
    assert row.pca_psnr == 100.0
