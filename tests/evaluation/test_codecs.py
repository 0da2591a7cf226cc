import numpy as np
import pytest

from convae.evaluation import codecs, quantization
from convae.evaluation.metrics import set_psnr


@pytest.mark.parametrize("codec", [codecs.jpeg, codecs.webp])
@pytest.mark.parametrize("n", [1, 5, 16])
def test_a_codec_gives_every_image_back_in_its_place(codec, n, waves):
    rebuilt, size = codec(waves[:n], 90)
    assert rebuilt.shape == (n, 32, 32, 3) and rebuilt.dtype == np.uint8
    assert set_psnr(waves[:n], rebuilt) > 28
    assert size > 0


@pytest.mark.parametrize("codec", [codecs.jpeg, codecs.webp])
def test_a_single_image_carries_no_header_of_its_own(codec, waves):
    alone = [codec(waves[i : i + 1], 40)[1] for i in range(20)]
    assert np.mean(alone) == pytest.approx(codec(waves[:20], 40)[1], rel=0.1)


def test_no_image_touches_its_neighbor_in_jpeg(waves):
    beside_black, beside_white = waves[:4].copy(), waves[:4].copy()
    beside_black[1:], beside_white[1:] = 0, 255
    assert (codecs.jpeg(beside_black, 20)[0][0] == codecs.jpeg(beside_white, 20)[0][0]).all()


@pytest.mark.parametrize("codec", [codecs.jpeg, codecs.webp])
def test_no_images_need_no_bytes(codec):
    rebuilt, size = codec(np.zeros((0, 32, 32, 3), np.uint8), 50)
    assert rebuilt.shape == (0, 32, 32, 3) and size == 0


@pytest.mark.parametrize("at", [codecs.jpeg_at, codecs.webp_at])
def test_the_best_quality_within_the_budget_is_found(at, waves):
    codec = {codecs.jpeg_at: codecs.jpeg, codecs.webp_at: codecs.webp}[at]
    found = at(waves[:50], 120)
    assert found.bytes_per_image <= 120 < codec(waves[:50], found.quality + 1)[1]
    rebuilt, size = codec(waves[:50], found.quality)
    assert (found.rebuilt == rebuilt).all() and found.bytes_per_image == size


def test_a_budget_below_the_lowest_quality_gives_that_and_its_real_bytes(waves):
    assert codecs.jpeg_at(waves[:9], 1).quality == 1
    assert codecs.webp_at(waves[:9], 1).quality == 0
    assert codecs.webp_at(waves[:9], 1).bytes_per_image > 1
    assert codecs.jpeg_at(waves[:9], 1e6).quality == 95


@pytest.mark.parametrize("bits", range(1, 9))
def test_quantized_codes_come_back_within_half_a_cell(bits):
    codes = np.random.default_rng(bits).normal(3, 5, (40, 13)).astype(np.float32)
    low, high = codes.min(axis=0), codes.max(axis=0)
    packed = quantization.quantize(codes, bits, low, high)
    assert packed.shape == (40, -(-13 * bits // 8)) and packed.dtype == np.uint8
    back = quantization.dequantize(packed, bits, low, high)
    assert (np.abs(back - codes) <= (high - low) / 2**bits / 2 * 1.0001).all()


def test_two_bits_by_hand():
    low, high = np.zeros(4, np.float32), np.full(4, 4, np.float32)
    packed = quantization.quantize(np.array([[0.2, 1.9, 2.5, 99.0]]), 2, low, high)
    assert packed.tolist() == [[0b00_01_10_11]]
    assert quantization.dequantize(packed, 2, low, high).tolist() == [[0.5, 1.5, 2.5, 3.5]]


def test_a_value_that_never_changes_keeps_its_value():
    dead = np.full((3, 2), 7, np.float32)
    packed = quantization.quantize(dead, 3, dead[0], dead[0])
    assert (quantization.dequantize(packed, 3, dead[0], dead[0]) == 7).all()


@pytest.mark.parametrize("bits", [0, 9])
def test_bits_out_of_range_are_refused(bits):
    with pytest.raises(ValueError, match=rf"bits \(={bits}\) must be 1 to 8"):
        quantization.quantize(np.zeros((1, 2)), bits, np.zeros(2), np.ones(2))


def test_more_bits_cost_more_bytes_and_lose_less(waves, pca_of_waves):
    codes = pca_of_waves.encode(waves, 16)
    points = quantization.rate_distortion(waves, codes, pca_of_waves.decode, codes)
    assert [size for size, _ in points] == [2, 4, 6, 8, 10, 12, 14, 16]
    assert [quality for _, quality in points] == sorted(quality for _, quality in points)
    assert points[-1][1] == pytest.approx(set_psnr(waves, pca_of_waves.decode(codes)), abs=0.1)


def test_a_codec_curve_rises(waves):
    points = codecs.codec_curve(codecs.jpeg, waves, [5, 40, 90])
    assert points == sorted(points) and points[0][1] < points[-1][1]


@pytest.mark.parametrize("quality", [90, 95])
def test_noise_can_be_kept_as_jpeg_at_a_high_quality(quality):
    for n in (1, 256, 1000):
        noise = np.random.default_rng(0).integers(0, 256, (n, 32, 32, 3), np.uint8)
        rebuilt, size = codecs.jpeg(noise, quality)
        assert rebuilt.shape == noise.shape and 0 < size < 2 * noise[0].nbytes
