"""Whether there is memory to decode a large image, and one such decoding at a time.

Bytes a pixel while Pillow 13 decodes (80 megapixels, peak of the process): JPEG 0.1, as it is
decoded at an eighth of its size; progressive JPEG 6, as its coefficients are kept whole; PNG and
BMP 4 in color; WebP 16.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from convae.errors import DataError

ALWAYS_BYTES = 64 * 10**6  # what 16 megapixels in color need: never refused
WEBP_ALWAYS_BYTES = 2 * ALWAYS_BYTES
SHARE = 4  # a larger image may need this part of the memory that is free: one in four
MAX_RATIO = 200  # of decoded bytes to those of the file: above, it is a bomb and no photograph
_one = threading.Lock()


@contextmanager
def room_for(image: Image.Image, file_bytes: int) -> Iterator[None]:
    """Decode the opened image inside; DataError, a sentence without a subject, if it needs more
    than ALWAYS_BYTES and there is not enough memory, or the file is too small to be honest."""
    need = bytes_needed(image)
    if need <= (WEBP_ALWAYS_BYTES if image.format == "WEBP" else ALWAYS_BYTES):
        yield
        return
    size = f"{image.width} x {image.height} pixels"
    if need > MAX_RATIO * max(file_bytes, 1):
        raise DataError(
            f"is too large ({size} in a file of {file_bytes / 1e3:,.0f} kB); make it smaller than "
            "16 megapixels and retry."
        )
    with _one:
        free = free_bytes()
        if need > free // SHARE:
            raise DataError(
                f"is too large for the memory of this server ({size} need {need / 1e6:,.0f} MB, "
                f"{free / 1e6:,.0f} MB are free); make it smaller than 16 megapixels and retry."
            )
        yield


def bytes_needed(image: Image.Image) -> int:
    """An estimate of the memory that decoding takes, from the header alone."""
    pixels = image.width * image.height
    if image.format in ("JPEG", "MPO"):
        return 6 * pixels if image.info.get("progressive") else pixels // 8
    if image.format == "WEBP":
        return 16 * pixels
    return pixels * {"1": 1, "L": 1, "P": 1, "LA": 4, "I;16": 2}.get(image.mode, 4)


def free_bytes() -> int:
    """Memory that this process can still take, within the limit of its container; where the system
    does not say, as much as is always allowed."""
    found = [_of_system(), _of_container()]
    return min((free for free in found if free is not None), default=SHARE * ALWAYS_BYTES)


def _of_system() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError, IndexError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return None


def _of_container() -> int | None:
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        try:
            return max(int(Path(limit).read_text()) - int(Path(used).read_text()), 0)
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
    return None
