"""Interpolation from keyframe to keyframe: frames, and how far each is from real images.

Five methods with the same steps, so that their frames can be compared one by one. The baseline is a
cross-fade of pixels, which uses no code.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from convae.codec import Codec
from convae.csv_export import to_csv
from convae.latent import neighbors, paths, typicality
from convae.latent.neighbors import nearest_neighbors
from convae.latent.typicality import Typicality

if TYPE_CHECKING:
    from scipy.sparse import csr_array

PATHS = {
    "Cross-fade": "Averages the pixels of the two images: the baseline.",
    "Straight line": "Interpolates the codes linearly (lerp) and decodes the result.",
    "Sphere": "Rotates around the mean of all codes at constant angular speed (slerp); the "
    "distance from the mean is interpolated linearly.",
    "Through real images": "The shortest path through nearest neighbors among real codes.",
    "Spline": "A smooth curve through all keyframes, without corners.",
}
FADE, LINE, SPHERE, REAL, SPLINE = PATHS
_KINDS = {LINE: "lerp", SPHERE: "slerp", SPLINE: "spline"}
NEIGHBORS = 10


class RealCodes(NamedTuple):
    """Codes of real images, the reference for interpolated codes: float32 (N, d).

    graph: their nearest neighbors, sparse (N, N). typicality: what is typical of them. center:
    (d,). spread: root mean square distance from it.
    """

    codes: np.ndarray
    graph: "csr_array"
    typicality: Typicality
    center: np.ndarray
    spread: float


def real_codes(codes: np.ndarray, fitted: Typicality | None = None) -> RealCodes:
    """About half a second for 3,000 codes of 128 values: worth keeping. N at least 1.

    fitted: what is typical of real codes where that is known; else it is fitted to these.
    """
    graph = neighbors.neighbor_graph(codes, NEIGHBORS)
    center = codes.mean(axis=0)
    spread = float(np.sqrt(np.square(codes - center).sum(axis=1).mean()))
    return RealCodes(codes, graph, fitted or typicality.fit(codes), center, spread)


class Walk(NamedTuple):
    """One way through the keyframes, F frames long.

    images: uint8 (F, 32, 32, 3). codes: float32 (F, d), for a cross-fade those of its images.
    nearest: (F, k), which real codes are nearest (N + i is keyframe i). off_manifold: (F,), the
    off-manifold percentile of `Typicality.percentile`. speed: (F,), how much the pixels change from
    the frame before, root mean square in [0, 1]; the first frame has the change that closes the
    loop, or that of the second. echo: (F,), how far the code of the decoded frame is from its code,
    in percent of the spread of real codes.
    """

    images: np.ndarray
    codes: np.ndarray
    nearest: np.ndarray
    off_manifold: np.ndarray
    speed: np.ndarray
    echo: np.ndarray


def walk(
    path: str,
    images: np.ndarray,
    codes: np.ndarray,
    checkpoint: Codec,
    real: RealCodes,
    *,
    steps: int = 12,
    loop: bool = False,
    easing: paths.Easing = "linear",
    new: np.ndarray | None = None,
    k: int = 3,
) -> Walk:
    """Interpolate through K keyframes, their images uint8 (K, 32, 32, 3) and codes float32 (K, d).

    path: one of PATHS. steps, loop, easing: as in `latent.path`. new: bool (K,), which keyframes
    are real images outside `real`, so that their codes count as data too; default: none. By number
    and not by distance: an image encoded in another batch does not get the same code.
    """
    if path not in PATHS:
        raise ValueError(f"path (={path!r}) must be one of {', '.join(PATHS)}")
    rows, data = _with_keyframes(codes, new, real)
    if path == FADE:
        frames = crossfade(images, steps, loop, easing)
        at = checkpoint.encode(frames)
    elif path == REAL:
        at = through_real(codes, real, steps, loop, easing)
        frames = checkpoint.decode(at)
    else:
        at = paths.path(codes, steps, _KINDS[path], loop, easing, real.center)
        frames = checkpoint.decode(at)
    # a cross-fade has only the code of its pixels: what decoding loses of it
    again = checkpoint.encode(checkpoint.decode(at) if path == FADE else frames)
    _, nearest = nearest_neighbors(data, at, k)
    return Walk(
        frames,
        at,
        rows[nearest],
        real.typicality.percentile(at),
        _speed(frames, loop),
        100 * np.linalg.norm(again - at, axis=1) / max(real.spread, 1e-12),
    )


def _with_keyframes(
    codes: np.ndarray, new: np.ndarray | None, real: RealCodes
) -> tuple[np.ndarray, np.ndarray]:
    """The real codes and the new ones among the keyframes: numbers, (M, d)."""
    added = np.flatnonzero(np.zeros(len(codes), bool) if new is None else new)
    rows = np.concatenate([np.arange(len(real.codes)), len(real.codes) + added])
    return rows, np.concatenate([real.codes, codes[added]])


def nearest_real(
    code: np.ndarray, real: RealCodes, k: int, leave_out: np.ndarray
) -> tuple[np.ndarray, float]:
    """The k real codes nearest to a code (d,), and its off-manifold percentile.

    leave_out: integer rows (K,) of real codes that do not count. Rows and not distances: an image
    encoded again, in another batch or in bfloat16, does not give the same code.
    """
    _, result = nearest_neighbors(real.codes, code[None], k + len(leave_out))
    kept = ~np.isin(result[0], leave_out)
    return result[0][kept][:k], float(real.typicality.percentile(code[None])[0])


def crossfade(
    images: np.ndarray, steps: int, loop: bool = False, easing: paths.Easing = "linear"
) -> np.ndarray:
    """Mixed pixels, uint8 (F, 32, 32, 3), on the steps of `latent.path`; keyframes are exact."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    mixed = paths.path(flat, steps, "lerp", loop, easing)
    return (mixed + 0.5).astype(np.uint8).reshape(-1, *images.shape[1:])


def through_real(
    codes: np.ndarray,
    real: RealCodes,
    steps: int,
    loop: bool = False,
    easing: paths.Easing = "linear",
) -> np.ndarray:
    """From keyframe to keyframe through real codes: float32 (F, d), keyframes exact.

    Each leg follows the shortest way along the graph of nearest real codes, straight from one to
    the next, at an even rate; two keyframes are never joined directly if a real code lies between.
    """
    count = len(real.codes)
    graph, nodes = _with_more(real, codes), np.concatenate([real.codes, codes])
    stops = [*range(count, count + len(codes)), *([count] if loop else [])]
    shares = paths.ease(np.arange(steps) / steps, easing)
    legs = []
    for start, end in zip(stops, stops[1:], strict=False):
        path, _ = neighbors.shortest_path(graph, start, end)
        # disconnected components: rare, and slow to join, so only where they exist
        path = path or neighbors.graph_path(nodes, start, end, 2 * NEIGHBORS).indices
        legs.append(along(nodes[path], shares))
    return np.concatenate(legs if loop else [*legs, codes[-1:]])


def _with_more(real: RealCodes, codes: np.ndarray) -> "csr_array":
    """The graph of the real codes with each of `codes` joined to its nearest ones."""
    from scipy.sparse import csr_array

    distances, indices = nearest_neighbors(real.codes, codes, NEIGHBORS)
    lengths = np.maximum(distances.ravel().astype(np.float64), 1e-12)
    old, total = real.graph, len(real.codes) + len(codes)
    ends = old.indptr[-1] + indices.shape[1] * np.arange(1, len(codes) + 1)
    return csr_array(
        (
            np.concatenate([old.data, lengths]),
            np.concatenate([old.indices, indices.ravel()]),
            np.concatenate([old.indptr, ends]),
        ),
        shape=(total, total),
    )


def along(nodes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Points on the straight lines from node to node, (M, d), at these shares of their whole
    length: float32 (len(shares), d). Share 0 is the first node, exactly."""
    lengths = np.linalg.norm(np.diff(np.asarray(nodes, np.float64), axis=0), axis=1)
    places = np.concatenate([[0], np.cumsum(lengths)])
    at = np.asarray(shares) * places[-1]
    leg = np.clip(np.searchsorted(places, at, side="right") - 1, 0, max(len(lengths) - 1, 0))
    if not len(lengths) or places[-1] == 0:
        return np.repeat(nodes[:1], len(at), axis=0).astype(np.float32)
    part = ((at - places[leg]) / np.maximum(lengths[leg], 1e-12))[:, None]
    return ((1 - part) * nodes[leg] + part * nodes[leg + 1]).astype(np.float32)


def _speed(frames: np.ndarray, loop: bool) -> np.ndarray:
    steps = np.diff(frames.astype(np.float32), axis=0, prepend=frames[-1:] if loop else frames[:1])
    speed = np.sqrt(np.square(steps).mean(axis=(1, 2, 3))) / 255
    if not loop:
        speed[0] = speed[1]
    return speed


def inspected(walks: Mapping[str, Walk]) -> dict[str, dict[str, np.ndarray]]:
    """What `plots.path_inspector` draws of interpolations: quantity with unit -> name -> values
    (F,)."""
    return {
        "Change of the pixels (RMS, 0 to 1)": {name: walk.speed for name, walk in walks.items()},
        typicality.NAME: {name: walk.off_manifold for name, walk in walks.items()},
        "Re-encoding error (% of latent SD)": {name: walk.echo for name, walk in walks.items()},
    }


def codes_csv(codes: Mapping[str, np.ndarray]) -> bytes:
    """Codes (N, d) by name: a line for each, `of,number,z0,z1,...`."""
    rows = [
        {"of": name, "number": number} | {f"z{i}": f"{value:.7g}" for i, value in enumerate(code)}
        for name, item in codes.items()
        for number, code in enumerate(item)
    ]
    return to_csv(rows).encode()


def corners(
    images: np.ndarray, codes: np.ndarray, side: int, checkpoint: Codec
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A square between four keyframes: decoded, with pixels mixed instead, and the codes.

    images uint8 (4, 32, 32, 3), codes (4, d): top left, top right, bottom left, bottom right.
    Returns uint8 (side^2, 32, 32, 3) twice and float32 (side^2, d), row by row.
    """
    square = paths.bilinear(codes, side).reshape(side * side, -1)
    mixed = paths.bilinear(images.reshape(4, -1), side).reshape(side * side, *images.shape[1:])
    return checkpoint.decode(square), (mixed + 0.5).astype(np.uint8), square
