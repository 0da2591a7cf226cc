"""Ordered codes: prefixes, nested dropout, and the decoder that depends on the length."""

import dataclasses
import io
import json

import numpy as np
import pytest
import torch

from convae import __main__ as cli
from convae import runs
from convae.config import ModelConfig, TrainConfig
from convae.errors import ConfigError, ConvaeError
from convae.evaluation.pca import fit_pca, squared_errors
from convae.flat_config import from_flat
from convae.models import checkpoints
from convae.models.autoencoder import ConvAutoencoder
from convae.models.card import Card
from convae.models.ordered_codes import NODES, length_basis
from convae.training import nested_dropout
from convae.training.initial_weights import start_from
from convae.training.loop import EpochRecord, fit
from convae.training.optim import loss_of, loss_per_image
from convae.training.reproducible import seed_everything
from convae.training.trainer import Trainer

SMALL = dict(architecture="residual", base_channels=8, latent_dim=8, batch_size=16, epochs=4)
ARCHITECTURES = ("classic", "strided", "residual")


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)


def model_of(architecture="residual", nested=False, latent_dim=8):
    torch.manual_seed(0)
    config = ModelConfig(architecture, latent_dim, base_channels=8, nested_dropout=nested)
    return ConvAutoencoder(config).eval()


def learned(model):
    """The same model with weights everywhere where training would put some."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn(parameter.shape)
    return model


def trainer_of(**changes):
    errors = squared_errors(fit_pca(images(64), 8), images(64), 8)
    weights = nested_dropout.length_weights(errors)
    config = from_flat(SMALL | changes)
    seed_everything(config.seed)
    return Trainer.create(config, images(64), images(16, 1), length_weights=weights)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("nested", [False, True])
def test_a_prefix_is_decoded_with_the_other_values_at_their_mean(architecture, nested):
    model = learned(model_of(architecture, nested))
    model.code_mean = torch.randn(8)
    codes = model.encode(images(5))
    for keep in (1, 3, 8):
        by_hand = np.where(np.arange(8) < keep, codes, model.code_mean.numpy())
        found = model.decode(codes, keep=keep)
        assert np.array_equal(found, model.decode(by_hand, keep=keep))
        assert np.array_equal(found, model.reconstruct(images(5), keep=keep))
        if not model.conditioned:
            assert np.array_equal(found, model.decode(by_hand))
    assert np.array_equal(model.decode(codes, keep=8), model.decode(codes))
    assert not np.array_equal(model.decode(codes, keep=1), model.decode(codes))


def test_without_a_length_nothing_has_changed_by_a_bit():
    model = learned(model_of())
    codes = torch.from_numpy(model.encode(images(4)))
    with torch.no_grad():
        decoder = model.decoder
        y = decoder.unflatten(decoder.linear(codes))
        r = decoder.refiner
        a, x = r.act, 4 * (y - 0.5)
        x16 = a(r.at16(r.unshuffle(x)))
        x8 = a(r.at8(a(r.to8(x16))))
        x4 = a(r.at4(a(r.to4(x8))))
        x8 = a(r.back8(x8 + r.shuffle(r.up8(x4))))
        x16 = a(r.back16(x16 + r.shuffle(r.up16(x8))))
        assert torch.equal(model.g(codes), y + r.shuffle(r.out(x16)))


def test_the_length_tells_the_decoder_nothing_before_training_and_something_after():
    plain, nested = learned(model_of()), model_of(nested=True)
    nested.to(memory_format=torch.channels_last)  # as a checkpoint is: the same sums
    start_from(nested, checkpoints.Checkpoint("plain", Card(TrainConfig()), plain))
    codes = plain.encode(images(4))
    assert np.array_equal(plain.decode(codes), nested.decode(codes))
    assert nested.parameter_count - plain.parameter_count == NODES * 2 * 10 * 8
    short = nested.decode(codes, keep=2)
    assert torch.count_nonzero(nested.decoder.refiner.by_length) == 0
    nested.decoder.refiner.by_length.data += 0.3 * torch.randn(NODES, 160)
    assert not np.array_equal(short, nested.decode(codes, keep=2))


def test_only_kept_values_get_a_gradient_and_the_conditioning_gets_one():
    model = learned(model_of(nested=True)).train()
    z = torch.randn(3, 8, requires_grad=True)
    model.g(z, torch.tensor([1, 5, 8])).square().sum().backward()
    assert ((z.grad != 0).sum(dim=1) == torch.tensor([1, 5, 8])).all()
    assert (z.grad[0, 1:] == 0).all() and (z.grad[1, 5:] == 0).all()
    used = model.decoder.refiner.by_length.grad.abs().sum(dim=1) > 0
    assert used[0] and used[-1]  # nodes at K = 1 and at K = latent_dim


def test_the_basis_sums_to_one_and_has_its_ends_at_the_shortest_and_the_whole_code():
    basis = length_basis(torch.arange(1, 257), 256)
    assert torch.allclose(basis.sum(dim=1), torch.ones(256)) and (basis >= 0).all()
    assert basis[0].argmax() == 0 and basis[0].max() == 1
    assert basis[-1].argmax() == NODES - 1 and basis[-1].max() == pytest.approx(1)
    assert basis[15].argmax() == (NODES - 1) // 2  # 16 is the middle of 1 and 256 in octaves


def test_lengths_are_whole_half_of_the_time_and_else_log_uniform():
    lengths = nested_dropout.draw_lengths(200_000, 256, torch.Generator().manual_seed(0))
    assert lengths.min() == 1 and lengths.max() == 256
    share = (lengths == 256).float().mean()
    assert 0.495 < share < 0.510
    short = lengths[lengths < 256].float()
    per_octave = [((short >= 2**i) & (short < 2 ** (i + 1))).float().mean() for i in range(8)]
    assert np.allclose(per_octave, 1 / 8, atol=0.006)
    lengths = nested_dropout.draw_lengths(
        50_000, 256, torch.Generator().manual_seed(0), full_share=0.2, shortest=4
    )
    assert lengths.min() == 4 and 0.195 < (lengths == 256).float().mean() < 0.21
    low = (lengths < 8).float().mean()
    assert low == pytest.approx(0.8 / 6, abs=0.006)  # one octave of six


def test_the_shortest_code_is_not_longer_than_the_code():
    with pytest.raises(ConfigError, match=r"`shortest_code` \(=9\) must not be above `latent_dim`"):
        from_flat({"latent_dim": 8, "shortest_code": 9})


def test_the_weight_of_a_length_is_the_inverse_of_the_error_of_pca(waves, pca_of_waves):
    errors = squared_errors(pca_of_waves, waves, 30)
    for k in (1, 7, 30):
        codes = pca_of_waves.encode(waves, k) @ pca_of_waves.components[:k] + pca_of_waves.mean
        measured = np.mean((waves.reshape(len(waves), -1) / 255 - codes) ** 2)
        assert errors[k - 1] == pytest.approx(measured, rel=1e-3)
    weights = nested_dropout.length_weights(errors)
    assert weights[-1] == 1 and (weights.diff() >= 0).all()
    assert weights[0] == pytest.approx(max(errors[-1], nested_dropout.FLOOR) / errors[0])


@pytest.mark.parametrize("kind", ["mse", "l1", "bce"])
def test_the_loss_of_each_image_has_the_loss_as_its_mean(kind):
    x, y = torch.rand(2, 5, 3, 32, 32)
    each = loss_per_image(kind, y * 1.1, x)
    assert each.shape == (5,) and torch.allclose(each.mean(), loss_of(kind, y * 1.1, x))
    assert torch.allclose(each[2], loss_of(kind, y[2:3] * 1.1, x[2:3]))


@pytest.mark.parametrize("keep", [0, 9, -1, 2.0, True, "3"])
def test_a_length_that_is_none_is_refused_with_what_is_possible(keep):
    model = model_of(nested=True)
    for call in (model.decode, model.reconstruct):
        given = np.zeros((1, 8), np.float32) if call == model.decode else images(1)
        with pytest.raises(ConvaeError, match=r"`keep` .* whole number from 1 to 8"):
            call(given, keep=keep)


def test_numpy_lengths_are_as_good_as_others():
    model = model_of(nested=True)
    codes = model.encode(images(2))
    assert np.array_equal(model.decode(codes, keep=np.int64(3)), model.decode(codes, keep=3))


def test_a_model_without_its_mean_code_says_so():
    with pytest.raises(ConvaeError, match="mean code of this model is not known"):
        model_of().decode(np.zeros((1, 8), np.float32), keep=3)


@pytest.mark.parametrize("nested", [False, True])
def test_training_follows_the_mean_code_and_saves_it(nested, own_folders):
    trainer = trainer_of(nested_dropout=nested, schedule="constant", learning_rate=1e-7, epochs=20)
    list(fit(trainer))
    model = trainer.result.eval()
    codes = model.encode(images(64))
    off = np.abs(model.code_mean.numpy() - codes.mean(axis=0)) / codes.std(axis=0)
    assert off.max() < 0.2  # batches of 16 and mirrored images, about their own mean
    card = {"config": dataclasses.asdict(trainer.config)}
    folder = own_folders / "kept"
    folder.mkdir()
    checkpoints.save(folder, model, card)
    found = checkpoints.load(str(folder))
    assert torch.equal(found.model.code_mean, model.code_mean)
    again = found.with_refinement_steps(1).with_refinement_steps(0)
    assert np.array_equal(again.decode(codes, keep=2), model.decode(codes, keep=2))


@pytest.mark.parametrize("extra", [{}, {"ema_decay": 0.9}, {"architecture": "strided"}])
def test_resume_equals_the_straight_run_bit_for_bit(extra):
    straight = trainer_of(nested_dropout=True, **extra)
    kept = io.BytesIO()
    for item in fit(straight):
        if isinstance(item, EpochRecord) and item.epoch == 2:
            torch.save(straight.state(), kept)
    torch.manual_seed(99)
    later = Trainer.create(straight.config, images(64), images(16, 1))
    later.restore(torch.load(io.BytesIO(kept.getvalue()), weights_only=True))
    assert [r.epoch for r in fit(later) if isinstance(r, EpochRecord)] == [3, 4]
    for name, value in straight.result.state_dict().items():
        assert torch.equal(value, later.result.state_dict()[name]), name


def test_a_state_of_an_older_version_has_no_mean_code_and_goes_on():
    first = trainer_of(ema_decay=0.9)
    list(fit(first))
    state = first.state()
    del state["model"]["code_mean"], state["average"]["module.code_mean"]
    later = trainer_of(ema_decay=0.9, epochs=5)
    later.restore(state)
    assert [r.epoch for r in fit(later) if isinstance(r, EpochRecord)] == [5]
    assert torch.count_nonzero(later.result.code_mean) == 8


def test_nested_dropout_puts_what_matters_first():
    colors = np.random.default_rng(0).integers(0, 256, (300, 1, 1, 3))
    shades = np.clip(colors + images(300).astype(int) // 8 - 16, 0, 255).astype(np.uint8)

    def error_of_three_values(nested):
        changes = dict(nested_dropout=nested, epochs=40, architecture="strided")
        config = from_flat(SMALL | changes)
        seed_everything(config.seed)
        trainer = Trainer.create(config, shades, shades[:20], length_weights=torch.ones(8))
        list(fit(trainer))
        rebuilt = trainer.result.eval().reconstruct(shades, keep=3)
        return np.mean((rebuilt.astype(float) - shades) ** 2)

    assert error_of_three_values(True) < 0.5 * error_of_three_values(False)


def train(name, spec, *options):
    settings = ["--base-channels", "8", "--latent-dim", "8", "--epochs", "1", "--batch-size", "32"]
    return cli.main(["train", "--data", spec, "--name", name, "--quiet", *settings, *options])


def test_a_checkpoint_starts_an_ordered_one_and_evaluate_tells_each_length(tiny_data, capsys):
    assert train("plain", tiny_data) == 0
    assert train("ordered", tiny_data, "--init-from", "plain", "--nested-dropout") == 0
    capsys.readouterr()
    options = ["--data", tiny_data, "--keep", "1,4,8", "--json"]
    for name in ("plain", "ordered"):
        assert cli.main(["evaluate", name, *options]) == 0
        found = json.loads(capsys.readouterr().out)
        lines = found["keep"]
        assert [line["keep"] for line in lines] == [1, 4, 8]
        assert lines[-1]["psnr"] == found["psnr"]
        assert lines[-1]["pca_psnr"] == found["baselines"]["pca"]["psnr"]
        assert lines[0]["psnr"] < lines[-1]["psnr"]
        assert cli.main(["evaluate", name, "--data", tiny_data, "--keep", "4"]) == 0
        assert "First 4 values: " in capsys.readouterr().out
        assert cli.main(["evaluate", name, "--data", tiny_data, "--keep", "4,9"]) == 1
        assert "whole number from 1 to 8" in capsys.readouterr().err
    assert cli.main(["evaluate", "plain", "--keep", "4", "--bits", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["keep"][0]["psnr"] > 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--base-channels", "16"],
            "holds a model with base_channels 8, but 16 is wanted: set base_channels to 8",
        ),
        (["--no-nested-dropout"], "with nested_dropout True, but False is wanted"),
        (["--variational"], "with variational False, but True is wanted"),
    ],
)
def test_another_model_is_no_start_and_the_sentence_says_why(options, said, tiny_data, capsys):
    assert train("ordered", tiny_data, "--nested-dropout") == 0
    options = ["--nested-dropout", "--init-from", "ordered", *options]
    assert train("other", tiny_data, *options) == 1
    assert said in capsys.readouterr().err
    assert [run.id for run in runs.listing()] == ["ordered"]
