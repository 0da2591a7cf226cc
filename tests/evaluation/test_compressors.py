import numpy as np
import pytest
import torch

from convae import data
from convae.config import ModelConfig, TrainConfig
from convae.evaluation import compressors, metrics
from convae.evaluation.compressors import FLOAT
from convae.evaluation.pca import fit_pca
from convae.models.autoencoder import ConvAutoencoder
from convae.models.card import Card
from convae.models.checkpoints import Checkpoint


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", "train").sample(300), data.load("digits", "test").sample(60)


@pytest.fixture(scope="module")
def pca(digits):
    return fit_pca(digits[0].images, 40)


def checkpoint(latent_dim, pca=None, name="tiny"):
    torch.manual_seed(0)
    model = ConvAutoencoder(ModelConfig("residual", latent_dim, 8))
    if pca is not None:
        model.start_from_pca(pca.mean, pca.components)
    return Checkpoint(name, Card(TrainConfig(), sha256=f"{name}-{latent_dim}"), model)


def test_a_code_is_packed_without_gaps():
    assert compressors.code_bytes(128, 5) == 80 and compressors.code_bytes(3, 5) == 2
    assert compressors.code_bytes(128, FLOAT) == 256


def test_the_contenders_are_the_model_and_three_baselines_of_the_same_size(digits, pca):
    train, test = digits
    for bits in (4, FLOAT):
        found = compressors.contenders(checkpoint(16), test, train, bits, pca)
        assert [each.name for each in found] == ["tiny", "PCA", "JPEG", "WebP"]
        assert found[0].bytes_per_image == found[1].bytes_per_image == 2 * bits
        for each in found:
            rebuilt = each.rebuild(test.images)
            assert rebuilt.shape == test.images.shape and rebuilt.dtype == np.uint8


def test_pca_has_no_more_components_than_an_image_has_numbers_and_says_so(digits):
    train, test = digits
    method = compressors.pca_method(fit_pca(train.images, 100), train, 100)
    assert method.values == 64 and method.bytes_per_image == 128
    assert "with 64 components and not 100, as an image has no more values" in method.details
    capped = compressors.pca_method(fit_pca(train.images, 100), train, 64)
    assert (method.rebuild(test.images) == capped.rebuild(test.images)).all()


def test_without_images_to_fit_on_there_is_no_pca(digits):
    found = compressors.contenders(checkpoint(4), digits[1], None, 3)
    assert [each.name for each in found] == ["tiny", "JPEG", "WebP"]


def test_no_codec_takes_more_bytes_than_the_code_or_it_says_so(digits):
    for size in (20, 400):
        for each in compressors.codec_methods(digits[1].images, size):
            assert (each.bytes_per_image > size) == ("still larger" in each.details)


def test_an_untrained_residual_model_is_its_pca_at_any_bits(digits, pca):
    train, test = digits
    for bits in (5, FLOAT):
        model, linear = compressors.contenders(checkpoint(16, pca), test, train, bits, pca)[:2]
        dB = [metrics.set_psnr(test.images, each.rebuild(test.images)) for each in (model, linear)]
        assert dB[0] == pytest.approx(dB[1], abs=0.05)


def test_float16_is_as_good_as_the_codes_themselves(digits, pca):
    codes = pca.encode(digits[1].images, 32)
    kept = pca.decode(codes.astype(np.float16).astype(np.float32))
    loss = metrics.set_psnr(digits[1].images, pca.decode(codes)) - metrics.set_psnr(
        digits[1].images, kept
    )
    assert abs(loss) < 0.001


def test_keys_tell_apart_what_rebuilds_differently(digits, pca):
    train, test = digits
    found = [
        each.key
        for bits in (3, FLOAT)
        for d in (4, 8)
        for each in compressors.contenders(checkpoint(d), test, train, bits, pca)[:2]
    ]
    assert len(set(found)) == 8
    one, other = (compressors.model_method(checkpoint(4), each, 3).key for each in digits)
    assert one != other


def test_a_model_curve_ends_at_the_model_itself(digits, pca):
    train, test = digits
    model = checkpoint(8, pca)
    points = compressors.model_curve(model, test.images, train.images)
    assert [size for size, _ in points] == [1, 2, 3, 4, 5, 6, 7, 8, 16]
    assert points[-1][1] == metrics.set_psnr(test.images, model.reconstruct(test.images))
    assert points[0][1] < points[-1][1]


def test_the_pca_curve_holds_only_what_no_smaller_code_beats(digits, pca):
    train, test = digits
    points = compressors.pca_curve(pca, test.images, train.images)
    assert points == sorted(points) and [q for _, q in points] == sorted(q for _, q in points)
    assert compressors.pareto([(2, 5), (1, 4), (2, 6), (3, 6), (4, 5)]) == [(1, 4), (2, 6)]
    assert compressors.pareto([]) == []


def test_a_pca_of_a_single_image_still_gives_a_curve(digits):
    lonely = fit_pca(digits[0].images[:1])
    assert compressors.pca_curve(lonely, digits[1].images, digits[0].images)
