"""Images as arrays, and arrays as files: pixels <-> batches, contact sheets, PNG, GIF, WebP.

`images` are uint8 (N, 32, 32, 3) numpy, what people see; a `batch` is a float32 (N, 3, 32, 32)
tensor in [0, 1], what the network sees. They are converted here and nowhere else.
"""

import io
from typing import Any

import numpy as np
from PIL import Image


def to_batch(images: np.ndarray, device: Any = "cpu") -> Any:
    """uint8 (N, 32, 32, 3) -> float32 tensor (N, 3, 32, 32) in [0, 1] on `device`, laid out in
    memory as the images are (channels_last)."""
    import torch

    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(f"images must be uint8 (N, 32, 32, 3), not {images.dtype} {images.shape}")
    if not (images.flags.c_contiguous and images.flags.writeable):
        images = images.copy()  # torch warns about arrays that it cannot write to
    batch = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
    return batch.to(torch.float32).div_(255)


def from_batch(batch: Any) -> np.ndarray:
    """Float tensor (N, 3, 32, 32), meant to be in [0, 1] -> uint8 (N, 32, 32, 3).

    Values outside are clamped, NaN becomes black, the rest is rounded to the nearest of 256 steps.
    """
    import torch

    batch = batch.detach().to(torch.float32).nan_to_num(0).clamp(0, 1)
    pixels = batch.mul(255).round_().to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def contact_sheet(
    images: np.ndarray, columns: int, scale: int = 2, gap: int = 2, background: int = 255
) -> np.ndarray:
    """Images uint8 (N, H, W, 3) row by row on one sheet, uint8 (height, width, 3).

    Each pixel becomes `scale` x `scale` (nearest neighbor: nothing is smoothed over); `gap` pixels
    lie between images and around them. No images give a sheet of background.
    """
    count, height, width, _ = images.shape
    columns = max(1, min(columns, count))
    rows = max(1, -(-count // columns))
    height, width = height * scale, width * scale
    sheet = np.full(
        (rows * (height + gap) + gap, columns * (width + gap) + gap, 3), background, np.uint8
    )
    for place, image in enumerate(enlarge(images, scale)):
        row, column = divmod(place, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def enlarge(images: np.ndarray, scale: int) -> np.ndarray:
    """uint8 (..., H, W, 3) -> (..., H * scale, W * scale, 3), nearest neighbor."""
    return np.asarray(images).repeat(scale, axis=-3).repeat(scale, axis=-2)


def map_pictures(maps: np.ndarray, count: int, size: int = 32) -> np.ndarray:
    """The `count` feature maps of float (C, H, W) that vary most, as gray pictures.

    uint8 (count, size, size, 3), each from its own darkest to its own brightest value; black where
    there are fewer maps. H and W must divide `size`.
    """
    order = np.sort(np.argsort(-maps.std(axis=(1, 2)), kind="stable")[:count])
    chosen = maps[order]
    low, high = (f(chosen, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
    gray = (chosen - low) / np.maximum(high - low, 1e-12) * 255
    pictures = np.zeros((count, size, size, 3), np.uint8)
    large = gray.repeat(size // maps.shape[1], axis=1).repeat(size // maps.shape[2], axis=2)
    pictures[: len(chosen)] = np.rint(large)[..., None]
    return pictures


def png_bytes(image: np.ndarray, small: bool = True) -> bytes:
    """uint8 (H, W, 3) -> the bytes of a PNG file; not `small` is much faster, a little larger."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(
        buffer, "PNG", **({"optimize": True} if small else {"compress_level": 2})
    )
    return buffer.getvalue()


def gif_bytes(frames: np.ndarray, scale: int = 4, fps: float = 20, loop: int = 0) -> bytes:
    """uint8 (N, H, W, 3), N >= 1 -> an animated GIF. `loop` 0 repeats for ever.

    A GIF holds 256 colors a frame (each frame gets its own) and times in 1/100 s.
    """
    # 256 colors are chosen before enlarging: the same choice at 1/scale^2 of the work
    small = [Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE) for frame in frames]
    pictures = [
        image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
        for image in small
    ]
    duration_ms = max(20, round(100 / fps) * 10)  # browsers slow down anything faster than 20 ms
    return _film(pictures, "GIF", duration_ms, loop, disposal=1)


def webp_bytes(frames: np.ndarray, scale: int = 4, fps: float = 20, loop: int = 0) -> bytes:
    """uint8 (N, H, W, 3), N >= 1 -> an animated, lossless WebP. `loop` 0 repeats for ever."""
    pictures = [Image.fromarray(frame) for frame in enlarge(frames, scale)]
    return _film(pictures, "WEBP", round(1000 / fps), loop, lossless=True, method=2)


def _film(
    pictures: list[Image.Image], kind: str, duration_ms: int, loop: int, **options: Any
) -> bytes:
    buffer = io.BytesIO()
    first, *rest = pictures
    first.save(
        buffer,
        kind,
        save_all=True,
        append_images=rest,
        duration=duration_ms,
        loop=loop,
        **options,
    )
    return buffer.getvalue()
