"""One image file: bounded in memory and time, and the same pixels however large it is."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from convae.data import decoding, large_images, uploads
from convae.errors import DataError

PEAK = """
import io, sys
from PIL import Image
from convae.data import decoding
def peak():  # MiB that this process ever held
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
small = io.BytesIO()
Image.new("RGB" if sys.argv[2] == "JPEG" else "RGBA", (64, 64)).save(small, sys.argv[2])
decoding.decode(small.getvalue())
data = open(sys.argv[1], "rb").read()
before = peak()
decoding.decode(data)
print(peak() - before)
"""


def picture(side: int, mode: str) -> Image.Image:
    """A smooth picture with transparent parts where the mode has them."""
    ramp = np.linspace(0, 127, side, dtype=np.float32)
    gray = np.add.outer(ramp, ramp).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray(gray.astype(np.uint16) * 257)
    colors = np.stack([gray, gray[::-1], gray.T, gray[:, ::-1]], axis=-1)
    return Image.fromarray(colors).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    ("mode", "kind", "side", "options"),
    [
        ("RGBA", "PNG", 4000, {"compress_level": 1}),
        ("I;16", "PNG", 4000, {"compress_level": 1}),
        ("RGBA", "WEBP", 2828, {"quality": 1, "method": 0}),
    ],
    ids=["rgba", "16-bit", "webp"],
)
def test_the_largest_image_takes_less_than_150_mb(mode, kind, side, options, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(encoded(picture(side, mode), kind, **options))
    command = [sys.executable, "-c", PEAK, str(path), kind]
    assert float(subprocess.run(command, check=True, capture_output=True).stdout) < 150


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_photograph_of_72_megapixels_is_decoded_small(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(encoded(picture(8500, "RGB"), "JPEG", quality=30))
    command = [sys.executable, "-c", PEAK, str(path), "JPEG"]
    assert float(subprocess.run(command, check=True, capture_output=True).stdout) < 40


@pytest.mark.parametrize(
    ("kind", "options", "need"),
    [
        ("JPEG", {}, 2_500_000),
        ("JPEG", {"progressive": True}, 120_000_000),
        ("PNG", {"compress_level": 0}, 80_000_000),
        ("WEBP", {"quality": 1, "method": 0}, 320_000_000),
    ],
)
def test_images_above_16_megapixels_are_scaled_down_where_memory_allows(
    kind, options, need, monkeypatch
):
    data = encoded(picture(4000, "RGB").resize((5000, 4000)), kind, **options)
    monkeypatch.setattr(large_images, "MAX_RATIO", 10**6)
    monkeypatch.setattr(large_images, "free_bytes", lambda: 4 * need)
    assert decoding.decode(data)[0].shape == (32, 32, 3)
    monkeypatch.setattr(large_images, "free_bytes", lambda: 4 * need - 4)
    if need > large_images.ALWAYS_BYTES:
        with pytest.raises(DataError, match=r"memory of this server \(5000 x 4000 pixels need"):
            decoding.decode(data)
    else:
        decoding.decode(data)


def test_a_small_file_that_claims_many_pixels_is_a_bomb():
    data = encoded(Image.new("RGB", (5000, 4000)))
    with pytest.raises(DataError, match=r"too large \(5000 x 4000 pixels in a file of \d+ kB\)"):
        decoding.decode(data)


def test_free_memory_is_known():
    assert large_images.free_bytes() > 10**6


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "I;16"])
@pytest.mark.parametrize("side", [512, 700, 1025])
def test_bands_give_the_pixels_of_the_whole_image(mode, side):
    image = picture(side, mode)
    bands = decoding._reduced_by_bands(image)
    whole = decoding.fit_square(decoding._eight_bits(image))
    assert bands.mode == whole.mode and bands.size == whole.size
    white = Image.new("RGBA", bands.size, "white")
    bands, whole = (Image.alpha_composite(white, each.convert("RGBA")) for each in (bands, whole))
    difference = np.abs(np.asarray(bands, int) - np.asarray(whole, int))
    assert difference.max() <= 5 and difference.mean() < 1


@pytest.mark.parametrize("side", [60, 640])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_of_any_size_are_upright(side, orientation):
    corners = Image.new("RGB", (side, side + 10))
    corners.paste((255, 0, 0), (0, 0, side // 2, side // 2))
    corners.paste((0, 0, 255), (side // 2, 0, side, side // 2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown, _, _ = decoding.decode(encoded(corners, exif=exif.tobytes()))
    at = {
        "top left": (4, 4),
        "top right": (4, 27),
        "bottom left": (27, 4),
        "bottom right": (27, 27),
    }
    red = next(place for place, where in at.items() if shown[where][0] > 200)
    blue = next(place for place, where in at.items() if shown[where][2] > 200)
    expected = {
        1: ("top left", "top right"), 2: ("top right", "top left"),
        3: ("bottom right", "bottom left"), 4: ("bottom left", "bottom right"),
        5: ("top left", "bottom left"), 6: ("top right", "bottom right"),
        7: ("bottom right", "top right"), 8: ("bottom left", "top left"),
    }  # fmt: skip
    assert (red, blue) == expected[orientation]


@pytest.mark.parametrize("side", [40, 600])
def test_a_transparent_gray_of_sixteen_bits_is_shown_on_white(side):
    gray = np.full((side, side), 1000, np.uint16)
    gray[:, side // 2 :] = 30_000
    data = encoded(Image.fromarray(gray))
    chunk = b"tRNS" + struct.pack(">H", 1000)
    chunk = struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk))
    shown, _, _ = decoding.decode(data[:33] + chunk + data[33:])
    assert shown[16, 2].tolist() == [255] * 3 and abs(int(shown[16, 29, 0]) - 30_000 // 257) <= 1


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by `clock.step` seconds whenever it is looked at."""

    class Clock:
        now, step = 0.0, 0.0

        def monotonic(self):
            self.now += self.step
            return self.now

    clock = Clock()
    monkeypatch.setattr(decoding, "time", clock)
    monkeypatch.setattr(uploads, "time", clock)
    return clock


def test_a_file_that_takes_too_long_is_given_up(clock):
    data = encoded(picture(64, "RGB"))
    clock.step = 1.0  # a PNG is read in more than five pieces
    found, _, problems = uploads.decode_uploads([("a.png", data)])
    assert len(found) == 0 and problems[0].startswith('"a.png" takes more than 5 s to decode')


def test_all_files_together_have_a_limited_time(clock):
    clock.step = 0.1
    data = encoded(picture(64, "RGB"))
    found, _, problems = uploads.decode_uploads([(f"{n}.png", data) for n in range(60)])
    assert 0 < len(found) < 60
    assert problems == [
        f'"{len(found)}.png" and all after it were left out: decoding may take at most 10 s at '
        "once; give the rest later."
    ]
