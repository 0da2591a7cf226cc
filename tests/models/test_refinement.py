from pathlib import Path

import numpy as np
import pytest
import torch

from convae import data
from convae.config import ModelConfig
from convae.images import to_batch
from convae.models import checkpoints
from convae.models.autoencoder import ConvAutoencoder
from convae.models.refinement import refine

ROOT = Path(__file__).resolve().parents[2]


def squared(images, rebuilt):
    return ((images.astype(float) - rebuilt) ** 2).mean(axis=(1, 2, 3))


def test_of_a_linear_decoder_it_finds_the_least_squares_code():
    generator = torch.Generator().manual_seed(0)
    width = torch.tensor([1.0, 2.0, 3.0, 5.0])  # far from round: one step would not do
    matrix = torch.randn(12, 4, generator=generator) * width
    x = torch.randn(6, 3, 2, 2, generator=generator)

    def g(z):
        return (z @ matrix.T).view(-1, 3, 2, 2)

    found = refine(g, x, torch.randn(6, 4, generator=generator), 4)
    wanted = torch.linalg.lstsq(matrix, x.flatten(1).T).solution.T
    assert torch.allclose(found, wanted, atol=1e-3)
    assert not found.requires_grad


@pytest.mark.parametrize("architecture", ["classic", "strided", "residual"])
def test_refinement_never_raises_the_error_before_quantization(architecture):
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)
    torch.manual_seed(1)
    model = ConvAutoencoder(
        ModelConfig(architecture, 16, base_channels=8, refinement_steps=2)
    ).eval()
    x = to_batch(images)
    with torch.no_grad():
        # not rounded to pixel values, and of the codes in float32: rounding may cost more than
        # refinement gains
        before, after = (
            (x - model.g(codes)).double().square().mean(dim=(1, 2, 3))
            for codes in (model.encoder_output(x), model.f(x))
        )
    assert (after <= before * (1 + 1e-5)).all()  # the same sums, by another kernel at most


def test_a_step_that_goes_astray_is_not_taken():
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(12, 4, generator=generator)
    x = torch.randn(200, 3, 2, 2, generator=generator)
    z = torch.randn(200, 4, generator=generator)

    def g(z):  # far from linear: the length of a step is often wrong
        return torch.sin(6 * z @ matrix.T).view(-1, 3, 2, 2)

    def errors(z):
        return (x - g(z)).square().sum(dim=(1, 2, 3))

    for steps in (1, 2, 3):
        after = errors(refine(g, x, z, steps))
        assert (after <= errors(z) * (1 + 1e-5)).all() and (after < 0.99 * errors(z)).any()


def test_a_shipped_model_gains_with_every_step_but_not_in_training():
    checkpoint = checkpoints.load(ROOT / "checkpoints" / "shapes-16")
    images = data.load("shapes", "test").images[:64]
    each = [checkpoint.with_refinement_steps(steps) for steps in (0, 1, 2, 4)]
    errors = [squared(images, one.reconstruct(images)).mean() for one in each]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.97 * errors[0]
    assert len({one.sha256 for one in each}) == 4  # what caches are keyed by
    x = torch.rand(2, 3, 32, 32)
    model = each[-1].model.train()
    assert torch.equal(model.f(x), model.encoder_output(x))


def test_layers_are_listed_once_with_any_number_of_refinement_steps():
    image = np.zeros((32, 32, 3), np.uint8)
    plain = ConvAutoencoder(ModelConfig("strided", 8, base_channels=8)).eval()
    careful = ConvAutoencoder(ModelConfig("strided", 8, base_channels=8, refinement_steps=3)).eval()
    assert len(careful.layers(image)) == len(plain.layers(image))
