"""Paths between codes: straight lines, arcs, splines. Codes are float32 (N, d).

The codes of an autoencoder do not follow a unit normal: they are neither centered nor equally wide
in every direction. Nothing here assumes that they are.
"""

from typing import Literal

import numpy as np

Easing = Literal["linear", "in", "out", "in-out"]
Kind = Literal["lerp", "slerp", "spline"]


def lerp(a: np.ndarray, b: np.ndarray, steps: int) -> np.ndarray:
    """The straight line from a to b: float32 (steps, d), both ends exact. a, b: (d,)."""
    return _straight(a, b, _shares(steps))


def slerp(a: np.ndarray, b: np.ndarray, steps: int, center: np.ndarray | None = None) -> np.ndarray:
    """From a to b along an arc: float32 (steps, d), both ends exact. a, b: (d,).

    The direction, seen from `center` (default: the origin), turns at an even rate in the plane of
    the two (Shoemake 1985), while the length goes from one to the other in a straight line. Where
    there is no such plane, as the two are parallel, opposite or zero, it is `lerp`.
    """
    return _arc(a, b, _shares(steps), center)


def _shares(steps: int) -> np.ndarray:
    if steps < 2:
        raise ValueError(f"steps (={steps}) must be at least 2: a start and an end")
    return np.linspace(0, 1, steps)


def _straight(a: np.ndarray, b: np.ndarray, shares: np.ndarray) -> np.ndarray:
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    shares = np.asarray(shares)[:, None]
    return _exact_ends(a, b, shares, (1 - shares) * a.astype(np.float64) + shares * b)


def _arc(
    a: np.ndarray, b: np.ndarray, shares: np.ndarray, center: np.ndarray | None = None
) -> np.ndarray:
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    center = np.zeros(len(a)) if center is None else np.asarray(center, np.float64)
    shares = np.asarray(shares)[:, None]
    arms = np.stack([a, b]) - center
    lengths = np.linalg.norm(arms, axis=1)
    if lengths.min() < 1e-9 * max(1e-30, lengths.max()):
        return _straight(a, b, shares[:, 0])
    start, end = arms / lengths[:, None]
    # half-angle form: exact for small angles, where arccos is not
    angle = 2 * np.arctan2(np.linalg.norm(start - end), np.linalg.norm(start + end))
    if np.sin(angle) < 1e-6:
        return _straight(a, b, shares[:, 0])
    turned = np.sin((1 - shares) * angle) * start + np.sin(shares * angle) * end
    length = (1 - shares) * lengths[0] + shares * lengths[1]
    return _exact_ends(a, b, shares, center + length * turned / np.sin(angle))


def _exact_ends(a: np.ndarray, b: np.ndarray, shares: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return np.where(shares <= 0, a, np.where(shares >= 1, b, codes)).astype(np.float32)


def ease(t: np.ndarray, kind: Easing = "linear") -> np.ndarray:
    """The position on the path at time t in [0, 1]: from 0 to 1, never going back.

    linear: t. in: slow start, t^2. out: slow end. in-out: both, 3 t^2 - 2 t^3.
    """
    t = np.clip(np.asarray(t, np.float64), 0, 1)
    if kind not in _EASINGS:
        raise ValueError(f"kind (={kind!r}) must be one of {', '.join(_EASINGS)}")
    return _EASINGS[kind](t)


_EASINGS = {
    "linear": lambda t: t,
    "in": lambda t: t * t,
    "out": lambda t: t * (2 - t),
    "in-out": lambda t: t * t * (3 - 2 * t),
}


def path(
    keyframes: np.ndarray,
    steps: int,
    kind: Kind = "lerp",
    loop: bool = False,
    easing: Easing = "linear",
    center: np.ndarray | None = None,
) -> np.ndarray:
    """A path through 2 to 6 keyframes, (K, d): keyframe i is frame i * steps, to the last bit.

    Returns float32 ((K - 1) * steps + 1, d), or with loop, where the last leg leads back to the
    first keyframe without repeating it, (K * steps, d). kind: lerp and slerp (around center) turn
    sharply at the keyframes, spline (Catmull and Rom 1974) does not, but overshoots a little.
    easing acts on each leg.
    """
    keyframes = np.asarray(keyframes, np.float32)
    if keyframes.ndim != 2 or not 2 <= len(keyframes) <= 6:
        raise ValueError(f"keyframes must be 2 to 6 codes, (K, d), got {keyframes.shape}")
    if steps < 1:
        raise ValueError(f"steps (={steps}) must be at least 1")
    if kind not in ("lerp", "slerp", "spline"):
        raise ValueError(f"kind (={kind!r}) must be one of lerp, slerp, spline")
    shares = ease(np.arange(steps) / steps, easing)
    stops = [*keyframes, keyframes[0]] if loop else list(keyframes)
    if kind == "spline":
        before = keyframes[-1] if loop else 2 * stops[0] - stops[1]
        after = keyframes[1] if loop else 2 * stops[-1] - stops[-2]
        controls = [before, *stops, after]
        legs = [_spline(*controls[i : i + 4], shares) for i in range(len(stops) - 1)]
    else:
        legs = [
            _arc(a, b, shares, center) if kind == "slerp" else _straight(a, b, shares)
            for a, b in zip(stops, stops[1:], strict=False)
        ]
    return np.concatenate(legs if loop else [*legs, stops[-1][None]])


def _spline(
    before: np.ndarray, a: np.ndarray, b: np.ndarray, after: np.ndarray, shares: np.ndarray
) -> np.ndarray:
    t = shares[:, None]
    slope_a, slope_b = (b - before) / 2, (after - a) / 2
    codes = (
        (2 * t**3 - 3 * t**2 + 1) * a
        + (t**3 - 2 * t**2 + t) * slope_a
        + (3 * t**2 - 2 * t**3) * b
        + (t**3 - t**2) * slope_b
    )
    return _exact_ends(a, b, t, codes)


def bilinear(corners: np.ndarray, side: int) -> np.ndarray:
    """A square of codes between four: float32 (side, side, d), row by row.

    corners: (4, d), top left, top right, bottom left, bottom right; they come back exact.
    """
    corners = np.asarray(corners, np.float32)
    if corners.ndim != 2 or len(corners) != 4:
        raise ValueError(f"corners must be four codes, (4, d), got {corners.shape}")
    left, right = lerp(corners[0], corners[2], side), lerp(corners[1], corners[3], side)
    return np.stack([lerp(a, b, side) for a, b in zip(left, right, strict=True)])
