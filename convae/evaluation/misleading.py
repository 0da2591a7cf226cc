"""Changes of an image that squared error and SSIM judge differently."""

from collections.abc import Mapping

import numpy as np


def misleading(image: np.ndarray, rebuilt: np.ndarray) -> dict[str, np.ndarray]:
    """One image, uint8 (32, 32, 3), changed in ways that MSE and people judge differently.

    Two are scaled to the very MSE of `rebuilt`: noise, and an even change of brightness.
    """
    spread = float(np.sqrt(np.mean((image.astype(float) - rebuilt) ** 2)))
    half = image.copy()
    half[16:] = 128
    noise = np.random.default_rng(0).standard_normal(image.shape)
    toward = 1 if image.mean() < 128 else -1
    return {
        "rebuilt": rebuilt,
        "noise": _pixels(image + spread * noise),
        "brightness": _pixels(image + toward * spread),
        "shifted by a pixel": np.concatenate([image[:, :1], image[:, :-1]], axis=1),
        "half masked": half,
    }


def misleading_text(mse: Mapping[str, float], ssim: Mapping[str, float]) -> str:
    """What the figures of `misleading` show, in sentences.

    mse (pixels in [0, 1]) and ssim of each change, by the names that `misleading` gives. Empty
    where the reconstruction is exact. SSIM counts as different from 0.05 on, as shown rounded.
    """
    own = mse["rebuilt"]
    if not own:
        return ""
    times = round(float(mse["shifted by a pixel"] / own), 1)
    error = f"**{times:.1f} times** that of the reconstruction"
    if times > 1:
        shift = f"Shifted by one pixel, the image looks the same, but its squared error is {error}."
    else:
        less = "no higher" if times == 1 else "lower"
        shift = f"On this image, a shift by one pixel has a {less} squared error: {error}."
    scaled = ("noise", "brightness")
    if all(abs(mse[name] - own) <= 0.05 * own for name in scaled):
        equal = "Noise and brightness have the same squared error as the reconstruction."
    else:
        equal = (
            "Noise and brightness are scaled to the error of the reconstruction, but clipping "
            f"lowers it to {mse['noise']:.4f} and {mse['brightness']:.4f}."
        )
    likeness = {name: round(float(ssim[name]), 2) for name in ("rebuilt", *scaled)}
    order = sorted(likeness, key=likeness.__getitem__, reverse=True)
    figures = ", ".join(f"{name} {likeness[name]:.2f}" for name in order)
    alike = [
        f"{a} and {b}"
        for a, b in zip(order, order[1:], strict=False)
        if round(likeness[a] - likeness[b], 2) < 0.05
    ]
    if alike:
        apart = f"SSIM hardly separates {' or '.join(alike)} here: {figures}."
    else:
        apart = f"SSIM separates them: {figures}."
    return f"{shift} {equal} {apart}"


def _pixels(values: np.ndarray) -> np.ndarray:
    return np.rint(values.clip(0, 255)).astype(np.uint8)
