import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from convae import data
from convae.config import ModelConfig
from convae.errors import ConvaeError
from convae.evaluation import metrics
from convae.models import autoencoder, checkpoints
from convae.models.architectures import count_parameters, without_values
from convae.models.autoencoder import ConvAutoencoder


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)


def trainable(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_classic_has_the_parameters_of_the_original():
    assert trainable(ConvAutoencoder(ModelConfig("classic", 256))) == 1_385_731


@pytest.mark.parametrize(
    ("latent_dim", "count"), [(64, 337_091), (128, 468_227), (256, 730_499), (384, 992_771)]
)
def test_strided_has_the_parameters_of_the_reference_lesson(latent_dim, count):
    assert trainable(ConvAutoencoder(ModelConfig("strided", latent_dim))) == count


@pytest.mark.parametrize("architecture", ["classic", "strided", "residual"])
@pytest.mark.parametrize("latent_dim", [2, 33, 1024])
def test_codes_and_images_have_the_promised_shapes_and_types(architecture, latent_dim):
    model = ConvAutoencoder(ModelConfig(architecture, latent_dim, base_channels=8)).eval()
    codes = model.encode(images(3))
    assert codes.shape == (3, latent_dim) and codes.dtype == np.float32
    codes.flags.writeable = False  # as cached ones are
    rebuilt = model.decode(codes)
    assert rebuilt.shape == (3, 32, 32, 3) and rebuilt.dtype == np.uint8
    assert np.array_equal(rebuilt, model.reconstruct(images(3)))


@pytest.mark.parametrize("architecture", ["classic", "strided", "residual"])
def test_an_image_is_rebuilt_the_same_whatever_its_company(architecture):
    model = ConvAutoencoder(ModelConfig(architecture, 16, base_channels=8)).eval()
    together = model.reconstruct(images(7)).astype(int)
    alone = np.concatenate([model.reconstruct(images(7)[i : i + 1]) for i in range(7)]).astype(int)
    assert np.abs(together - alone).max() <= 1


@pytest.mark.parametrize("refinement_steps", [0, 2])
def test_codes_made_fast_are_as_good_as_exact_ones(refinement_steps, monkeypatch):
    checkpoint = checkpoints.load(Path(__file__).parents[2] / "checkpoints" / "shapes-16")
    checkpoint = checkpoint.with_refinement_steps(refinement_steps)
    shapes = data.load("shapes", "test").images[:300]
    exact = checkpoint.encode(shapes)
    monkeypatch.setattr(autoencoder, "pick_precision", lambda *_: torch.bfloat16)
    fast = checkpoint.encode(shapes, "auto")
    assert fast.dtype == np.float32 and not np.array_equal(fast, exact)
    off = np.linalg.norm(fast - exact) / np.linalg.norm(exact - exact.mean(axis=0))
    assert off < 0.02
    psnr = [metrics.set_psnr(shapes, checkpoint.decode(codes)) for codes in (exact, fast)]
    assert abs(psnr[0] - psnr[1]) < 0.02


def test_no_images_give_no_codes():
    model = ConvAutoencoder(ModelConfig("strided", 5, base_channels=8)).eval()
    assert model.encode(images(0)).shape == (0, 5)
    assert model.decode(np.zeros((0, 5), np.float32)).shape == (0, 32, 32, 3)


def test_a_new_residual_model_is_exactly_its_linear_code():
    data = images(64)
    flat = data.reshape(64, -1) / 255.0
    mean = flat.mean(0)
    _, _, directions = np.linalg.svd(flat - mean, full_matrices=False)
    model = ConvAutoencoder(ModelConfig("residual", 8, base_channels=8))
    model.start_from_pca(mean, directions)
    model.eval()
    expected = (flat - mean) @ directions[:8].T
    assert np.allclose(model.encode(data), expected, atol=1e-3)
    by_hand = np.clip(expected @ directions[:8] + mean, 0, 1).reshape(data.shape) * 255
    assert np.abs(model.reconstruct(data).astype(float) - by_hand).max() < 1


def test_fewer_directions_than_values_leave_a_usable_linear_code():
    model = ConvAutoencoder(ModelConfig("residual", 6, base_channels=8)).eval()
    model.start_from_pca(np.zeros(3072, np.float32), np.eye(2, 3072, dtype=np.float32))
    codes = model.encode(images(2))
    assert np.isfinite(codes).all()
    assert np.allclose(codes[:, 0], images(2)[:, 0, 0, 0] / 255, atol=1e-5)


@pytest.mark.parametrize("architecture", ["classic", "strided", "residual"])
@pytest.mark.parametrize("options", [{}, {"nested_dropout": True}, {"variational": True}])
def test_parameters_are_counted_without_making_the_model(architecture, options):
    if architecture == "classic" and options.get("variational"):
        pytest.skip("classic is never variational")
    config = ModelConfig(architecture, 24, base_channels=16, **options)
    assert count_parameters(config) == ConvAutoencoder(config).parameter_count


@pytest.mark.parametrize("architecture", ["classic", "strided", "residual"])
def test_the_encoder_may_have_other_channels_than_the_decoder(architecture):
    def sizes(**channels):
        config = ModelConfig(architecture, 12, **channels)
        model = ConvAutoencoder(config).eval()
        assert count_parameters(config) == model.parameter_count
        assert model.reconstruct(images(2)).shape == (2, 32, 32, 3)
        halves = (model.encoder, model.decoder)
        return [sum(p.numel() for p in half.parameters()) for half in halves]

    narrow, wide = sizes(base_channels=8), sizes(base_channels=16)
    assert sizes(base_channels=8, encoder_channels=16) == [wide[0], narrow[1]]
    assert sizes(base_channels=16, encoder_channels=8) == [narrow[0], wide[1]]
    assert sizes(base_channels=16, encoder_channels=16) == wide


def test_layers_tell_half_kind_shape_and_parameters():
    model = ConvAutoencoder(ModelConfig("strided", 12, base_channels=8)).eval()
    layers = model.layers(images(1)[0])
    assert layers[0][:2] == ("encoder", "Conv2d") and layers[0][2].shape == (8, 16, 16)
    assert [out.shape for half, _, out, _ in layers if half == "encoder"][-1] == (12,)
    assert layers[-1][2].shape == (3, 32, 32)
    assert sum(count for *_, count in layers) == model.parameter_count


def test_wrong_images_and_codes_are_refused_with_both_shapes():
    model = ConvAutoencoder(ModelConfig("strided", 12, base_channels=8)).eval()
    with pytest.raises(ConvaeError, match=r"uint8 \(N, 32, 32, 3\), not float64 \(1, 32, 32, 3\)"):
        model.encode(np.zeros((1, 32, 32, 3)))
    with pytest.raises(ConvaeError, match=r"shape \(1, 13\) do not fit this model"):
        model.decode(np.zeros((1, 13)))


def test_a_model_in_training_mode_refuses_to_reconstruct():
    with pytest.raises(RuntimeError, match="eval"):
        ConvAutoencoder(ModelConfig("classic", 4, base_channels=8)).reconstruct(images(1))


def test_a_network_without_values_has_the_shapes_of_one_with_values():
    for config in (
        ModelConfig(architecture="classic", latent_dim=8, base_channels=8),
        ModelConfig(architecture="strided", latent_dim=8, base_channels=8, variational=True),
        ModelConfig(architecture="residual", latent_dim=8, base_channels=8, nested_dropout=True),
    ):
        with without_values():
            bare = ConvAutoencoder(config)
        full = ConvAutoencoder(config)
        assert all(tensor.is_meta for tensor in bare.state_dict().values())
        shapes = [
            {name: tensor.shape for name, tensor in model.state_dict().items()}
            for model in (bare, full)
        ]
        assert shapes[0] == shapes[1]
        assert full.eval().encode(np.zeros((1, 32, 32, 3), np.uint8)).shape == (1, 8)


def test_loading_a_model_imports_no_sympy():
    code = """
import sys
from convae.models import checkpoints
checkpoints.load("checkpoints/shapes-16")
checkpoints.load("checkpoints/classic-256").with_refinement_steps(1)
print("sympy" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "False", done.stderr
