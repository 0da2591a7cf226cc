"""Variational models: the KL term, its balance, the whitened start, and codes that are means."""

import io
import json

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from convae import __main__ as cli
from convae import runs
from convae.config import ModelConfig
from convae.errors import ConfigError
from convae.evaluation.pca import squared_errors
from convae.flat_config import from_flat
from convae.models import checkpoints
from convae.models.autoencoder import VALUES, ConvAutoencoder
from convae.training import variational
from convae.training.loop import EpochRecord, fit
from convae.training.reproducible import seed_everything
from convae.training.trainer import Trainer

SMALL = dict(
    architecture="residual", base_channels=8, latent_dim=6, batch_size=16, epochs=4,
    variational=True, learning_rate=1e-3,
)  # fmt: skip


def trainer_of(images, pca=None, **changes):
    def start_from_pca(model):
        error = squared_errors(pca, images, 6)[-1]
        model.start_from_pca(pca.mean, pca.components, pca.variances, error)

    initialize = None if pca is None else start_from_pca
    config = from_flat(SMALL | changes)
    seed_everything(config.seed)
    return Trainer.create(config, images, images[:20], initialize)


def epochs(trainer):
    return [item for item in fit(trainer) if isinstance(item, EpochRecord)]


def test_kl_is_that_of_torch_distributions():
    mean, log_variance = torch.randn(2, 7, 5, dtype=torch.float64)
    posterior = Normal(mean, (log_variance / 2).exp())
    expected = kl_divergence(posterior, Normal(torch.zeros(5), torch.ones(5))).sum(dim=1)
    found = variational.kl_to_standard_normal(mean, log_variance)
    assert found.shape == (7,) and torch.allclose(found, expected)


def test_samples_have_the_mean_and_the_variance_that_the_encoder_says():
    noise = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
    drawn = variational.sample(torch.tensor([[3.0]]), torch.tensor([[0.25]]).log(), noise)
    assert drawn.mean() == pytest.approx(3, abs=0.01)
    assert drawn.var() == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("loss", ["mse", "l1"])
def test_the_balance_is_the_evidence_bound_at_the_best_scale_of_the_noise(loss):
    error = torch.tensor(0.01)
    kind = {
        "mse": lambda s: Normal(0.0, s.sqrt()),
        "l1": lambda s: torch.distributions.Laplace(0.0, s),
    }
    likelihood = kind[loss](error)
    residual = torch.tensor([0.3, -0.2])
    errors = residual.square() if loss == "mse" else residual.abs()
    bound = -likelihood.log_prob(residual)
    share = variational.kl_share(loss, error, VALUES)
    # an error of one value in nats, over what the loss (a mean over VALUES) gives for it
    nats_per_loss = (bound[0] - bound[1]) / ((errors[0] - errors[1]) / VALUES)
    assert 1 / share == pytest.approx(nats_per_loss.item(), rel=1e-4)


def test_the_start_is_a_whitened_pca(waves, pca_of_waves):
    trainer = trainer_of(waves, pca_of_waves)
    model = trainer.model.eval()
    codes = model.encode(waves)
    assert np.allclose(codes.mean(axis=0), 0, atol=1e-3)
    assert np.allclose(np.cov(codes.T, bias=True), np.eye(6), atol=5e-3)
    plain = pca_of_waves.reconstruct(waves, 6).astype(int)
    assert np.abs(model.reconstruct(waves).astype(int) - plain).max() <= 1
    error = squared_errors(pca_of_waves, waves, 6)[-1]
    wanted = error / (pca_of_waves.variances[:6] + error)
    with torch.no_grad():
        found = model.log_variance(torch.from_numpy(codes)).exp().numpy()
    assert np.allclose(found, wanted, rtol=1e-3)


@pytest.mark.parametrize("architecture", ["residual", "strided"])
def test_encode_gives_the_mean_and_training_alone_draws(architecture, waves):
    trainer = trainer_of(waves, architecture=architecture)
    model, x = trainer.model, trainer.batches.clean(torch.arange(16))
    noise = torch.randn(16, 6)
    assert not torch.equal(
        trainer.network(x, None, noise).rebuilt, trainer.network(x, None, -noise).rebuilt
    )
    model.eval()
    assert np.array_equal(model.encode(waves[:5]), model.encode(waves[:5]))
    quiet = trainer.network(x, None, 0 * noise)
    with torch.no_grad():
        assert torch.equal(quiet.rebuilt, model(x)) and torch.equal(quiet.mean, model.f(x))


def test_both_terms_are_recorded_and_the_weight_trades_one_for_the_other(waves, pca_of_waves):
    light = epochs(trainer_of(waves, pca_of_waves, kl_weight=0.1, learning_rate=5e-3, epochs=12))
    heavy = epochs(trainer_of(waves, pca_of_waves, kl_weight=100.0, learning_rate=5e-3, epochs=12))
    assert all(r.train_kl > 0 for r in light + heavy)
    assert heavy[-1].train_kl < 0.7 * light[-1].train_kl
    assert heavy[-1].train_loss > light[-1].train_loss
    plain = epochs(trainer_of(waves, pca_of_waves, variational=False))
    assert all(r.train_kl == 0 for r in plain)


def test_the_first_recorded_kl_is_that_of_the_encoder(waves, pca_of_waves):
    trainer = trainer_of(waves, pca_of_waves, learning_rate=1e-7, epochs=1, flip=False)
    record = epochs(trainer)[0]
    codes = torch.from_numpy(trainer.model.eval().encode(waves))
    with torch.no_grad():
        kl = variational.kl_to_standard_normal(codes, trainer.model.log_variance(codes)).mean()
    assert record.train_kl == pytest.approx(kl.item(), rel=0.05)


@pytest.mark.parametrize("extra", [{}, {"nested_dropout": True}, {"loss": "bce", "ema_decay": 0.9}])
def test_resume_equals_the_straight_run_bit_for_bit(extra, waves, pca_of_waves):
    straight = trainer_of(waves, pca_of_waves, **extra)
    straight.objective.length_weights = torch.linspace(0.1, 1, 6)
    kept = io.BytesIO()
    for item in fit(straight):
        if isinstance(item, EpochRecord) and item.epoch == 2:
            torch.save(straight.state(), kept)
    torch.manual_seed(99)
    later = Trainer.create(straight.config, waves, waves[:20])
    later.restore(torch.load(io.BytesIO(kept.getvalue()), weights_only=True))
    records = epochs(later)
    assert [r.epoch for r in records] == [3, 4] and records[-1].train_kl > 0
    for name, value in straight.result.state_dict().items():
        assert torch.equal(value, later.result.state_dict()[name]), name


def test_the_classic_code_cannot_be_normal():
    with pytest.raises(ConfigError, match="`variational` needs the architecture residual or strid"):
        ModelConfig("classic", variational=True)


def test_from_the_command_line_to_a_checkpoint_with_both_curves(tiny_data):
    command = ["train", "--data", tiny_data, "--name", "v", "--variational", "--kl-weight", "0.5",
               "--latent-dim", "4", "--base-channels", "8", "--epochs", "2", "--quiet"]  # fmt: skip
    assert cli.main(command) == 0
    rows = runs.get("v").history()
    assert [row["epoch"] for row in rows] == [1, 2] and all(row["train_kl"] > 0 for row in rows)
    found = checkpoints.load("v")
    assert found.config.variational and found.model.code_scale.shape == (4,)
    rebuilt = ConvAutoencoder(found.config)
    rebuilt.code_mean = torch.zeros(4)
    rebuilt.load_state_dict(found.model.state_dict())
    assert json.loads((runs.get("v").path / "card.json").read_text())["config"]["kl_weight"] == 0.5
