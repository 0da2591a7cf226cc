"""Where a training starts: PCA, or the weights of another model."""

import numpy as np
import pytest
import torch

from convae import data
from convae.config import ModelConfig, TrainConfig
from convae.errors import ConvaeError
from convae.evaluation.pca import pca_for
from convae.models import checkpoints
from convae.models.autoencoder import ConvAutoencoder
from convae.models.card import Card
from convae.training import initial_weights

SOURCE = ModelConfig("residual", 8, base_channels=8)


@pytest.fixture
def source(monkeypatch):
    """A trained model is one whose networks change images."""
    torch.manual_seed(1)
    model = ConvAutoencoder(SOURCE)
    for half in (model.encoder, model.decoder):
        torch.nn.init.normal_(half.refiner.out.weight, std=0.1)
    made = checkpoints.Checkpoint("source", Card(TrainConfig(model=SOURCE)), model)
    monkeypatch.setattr(checkpoints, "load", lambda name: made)
    return model


def started(config, tiny_data):
    training = data.load(tiny_data, "train")
    model = ConvAutoencoder(config)
    initial_weights.initialize(model, TrainConfig(model=config, init_from="source"), training)
    return model, pca_for(training)


@pytest.mark.parametrize("latent_dim", [4, 12])
def test_another_latent_dimension_takes_the_networks_and_starts_its_code_as_pca(
    source, tiny_data, latent_dim
):
    model, pca = started(ModelConfig("residual", latent_dim, base_channels=8), tiny_data)
    for half, other in ((model.encoder, source.encoder), (model.decoder, source.decoder)):
        for mine, its in zip(half.refiner.parameters(), other.refiner.parameters(), strict=True):
            assert torch.equal(mine, its)
    directions = model.decoder.linear.weight.detach().T.view(latent_dim, 3, 32, 32)
    known = pca.components[:latent_dim].reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2)
    assert np.allclose(directions[: len(known)], known, atol=1e-6)


def test_the_same_latent_dimension_takes_all_weights(source, tiny_data):
    model, _ = started(ModelConfig("residual", 8, base_channels=8, encoder_channels=8), tiny_data)
    weights = source.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            ModelConfig("residual", 4, base_channels=8, encoder_channels=16),
            "holds a model with encoder_channels 8, but 16 is wanted",
        ),
        (
            ModelConfig("residual", 4, base_channels=8, variational=True),
            "holds a model with latent_dim 8, but 4 is wanted",
        ),
    ],
)
def test_other_networks_are_no_start(source, tiny_data, config, sentence):
    with pytest.raises(ConvaeError, match=sentence):
        started(config, tiny_data)
