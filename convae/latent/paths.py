"""Moving about among codes: paths, neighbours, directions and priors. Codes are float32 (N, d).

The codes of an autoencoder are not drawn from a unit normal, nor centred, nor equally wide in every
direction. Nothing here assumes that they are.
"""

from typing import Literal, NamedTuple

import numpy as np

from convae.evaluation.metrics import neighbours
from convae.process_state import no_convergence_warnings, one_thread

Easing = Literal["linear", "in", "out", "in-out"]
Kind = Literal["lerp", "slerp", "spline"]


def lerp(a: np.ndarray, b: np.ndarray, steps: int) -> np.ndarray:
    """The straight line from a to b: float32 (steps, d), both ends exact. a, b: (d,)."""
    return _straight(a, b, _shares(steps))


def slerp(a: np.ndarray, b: np.ndarray, steps: int, centre: np.ndarray | None = None) -> np.ndarray:
    """From a to b along an arc: float32 (steps, d), both ends exact. a, b: (d,).

    The direction, seen from `centre` (default: the origin), turns at an even rate in the plane of
    the two (Shoemake 1985), while the length goes from one to the other in a straight line. Where
    there is no such plane, as the two are parallel, opposite or zero, it is `lerp`.
    """
    return _arc(a, b, _shares(steps), centre)


def _shares(steps: int) -> np.ndarray:
    if steps < 2:
        raise ValueError(f"steps (={steps}) must be at least 2: a start and an end")
    return np.linspace(0, 1, steps)


def _straight(a, b, shares) -> np.ndarray:
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    shares = np.asarray(shares)[:, None]
    return _exact_ends(a, b, shares, (1 - shares) * a.astype(np.float64) + shares * b)


def _arc(a, b, shares, centre=None) -> np.ndarray:
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    centre = np.zeros(len(a)) if centre is None else np.asarray(centre, np.float64)
    shares = np.asarray(shares)[:, None]
    arms = np.stack([a, b]) - centre
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
    return _exact_ends(a, b, shares, centre + length * turned / np.sin(angle))


def _exact_ends(a, b, shares, codes) -> np.ndarray:
    return np.where(shares <= 0, a, np.where(shares >= 1, b, codes)).astype(np.float32)


def ease(t: np.ndarray, kind: Easing = "linear") -> np.ndarray:
    """How far along one is at the time t in [0, 1]: from 0 to 1, never going back.

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
    centre: np.ndarray | None = None,
) -> np.ndarray:
    """A path through 2 to 6 keyframes, (K, d): keyframe i is frame i * steps, to the last bit.

    Returns float32 ((K - 1) * steps + 1, d), or with loop, where the last leg leads back to the
    first keyframe without repeating it, (K * steps, d). kind: lerp and slerp (around centre) turn
    sharply at the keyframes, spline (Catmull and Rom 1974) does not, but swings out a little.
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
            _arc(a, b, shares, centre) if kind == "slerp" else _straight(a, b, shares)
            for a, b in zip(stops, stops[1:], strict=False)
        ]
    return np.concatenate(legs if loop else [*legs, stops[-1][None]])


def _spline(before, a, b, after, shares) -> np.ndarray:
    t = shares[:, None]
    slope_a, slope_b = (b - before) / 2, (after - a) / 2
    codes = (
        (2 * t**3 - 3 * t**2 + 1) * a
        + (t**3 - 2 * t**2 + t) * slope_a
        + (3 * t**2 - 2 * t**3) * b
        + (t**3 - t**2) * slope_b
    )
    return _exact_ends(a, b, t, codes)


class GraphPath(NamedTuple):
    """indices: the codes on the way, both ends among them. length: the sum of the steps between
    them. k: how many neighbours each code needed for the ends to be connected."""

    indices: list[int]
    length: float
    k: int


def neighbour_graph(codes: np.ndarray, k: int):
    """The k-nearest-neighbour graph of codes (N, d): a sparse (N, N) matrix of distances.

    About 3 s for 10,000 codes on two cores: worth keeping.
    """
    from scipy.sparse import csr_array

    distances, indices = neighbours(codes, codes, k, skip_self=True)
    rows = np.arange(len(codes) + 1) * indices.shape[1]
    # equal codes are neighbours too, and a zero would mean no edge
    lengths = np.maximum(distances.ravel().astype(np.float64), 1e-12)
    return csr_array((lengths, indices.ravel(), rows), shape=(len(codes),) * 2)


def shortest_path(graph, start: int, end: int) -> tuple[list[int], float]:
    """The shortest way from start to end along a graph of `neighbour_graph`, and its length.

    Edges count in both directions. An empty list and inf where there is no way.
    """
    from scipy.sparse.csgraph import dijkstra

    length, previous = dijkstra(graph, directed=False, indices=start, return_predecessors=True)
    if not np.isfinite(length[end]):
        return [], float("inf")
    way = [int(end)]
    while way[-1] != start:
        way.append(int(previous[way[-1]]))
    return way[::-1], float(length[end])


def graph_path(codes: np.ndarray, start: int, end: int, k: int = 10) -> GraphPath:
    """From code to code through real codes alone, along the k-nearest-neighbour graph.

    codes: (N, d); start, end: indices. Where k neighbours do not connect the two, k is doubled
    until they are connected.
    """
    if k < 1 or not (0 <= start < len(codes) and 0 <= end < len(codes)):
        raise ValueError(f"start (={start}), end (={end}) or k (={k}) is out of range")
    while True:
        way, length = shortest_path(neighbour_graph(codes, k), start, end)
        if way:
            return GraphPath(way, length, k)
        k = min(2 * k, len(codes) - 1)


def principal_directions(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the codes spread: mean (d,), directions (d, d) as rows, spreads (d,), widest first.

    codes: (N, d). spreads are standard deviations, in the units of the codes. The largest entry of
    each direction is positive. float32.
    """
    codes = np.asarray(codes, np.float64)
    mean = codes.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.atleast_2d(np.cov(codes.T, bias=True)))
    directions = vectors.T[::-1]
    rows = np.arange(len(directions))
    directions = directions * np.sign(directions[rows, np.abs(directions).argmax(axis=1)])[:, None]
    spreads = np.sqrt(variances[::-1].clip(0))
    return mean.astype(np.float32), directions.astype(np.float32), spreads.astype(np.float32)


def bilinear(corners: np.ndarray, side: int) -> np.ndarray:
    """A square of codes between four: float32 (side, side, d), row by row.

    corners: (4, d), top left, top right, bottom left, bottom right; they come back exact.
    """
    corners = np.asarray(corners, np.float32)
    if corners.ndim != 2 or len(corners) != 4:
        raise ValueError(f"corners must be four codes, (4, d), got {corners.shape}")
    left, right = lerp(corners[0], corners[2], side), lerp(corners[1], corners[3], side)
    return np.stack([lerp(a, b, side) for a, b in zip(left, right, strict=True)])


class Prior(NamedTuple):
    """A distribution fitted to codes: a mixture of M normal ones (M = 1: a single one).

    weights: (M,). means: (M, d). spreads: (M, d), standard deviations along directions: (d, d), the
    principal directions as rows, which all parts share. float64.
    """

    weights: np.ndarray
    means: np.ndarray
    spreads: np.ndarray
    directions: np.ndarray

    def sample(self, n: int, seed: int, temperature: float = 1.0) -> np.ndarray:
        """n new codes, float32 (n, d). temperature scales the spread: 0 gives the means alone."""
        rng = np.random.default_rng(seed)
        parts = rng.choice(len(self.weights), n, p=self.weights)
        normal = rng.standard_normal((n, self.means.shape[1])) * self.spreads[parts]
        return (self.means[parts] + temperature * normal @ self.directions).astype(np.float32)


def fit_gaussian(codes: np.ndarray) -> Prior:
    """The normal distribution with the mean and covariance of codes (N, d), N at least 1.

    Directions in which the codes do not spread stay without spread.
    """
    if not len(codes):
        raise ValueError("a prior needs at least one code, got none")
    mean, directions, spreads = (each.astype(np.float64) for each in principal_directions(codes))
    return Prior(np.ones(1), mean[None], spreads[None], directions)


def fit_gmm(codes: np.ndarray, parts: int = 10, seed: int = 0, steps: int = 50) -> Prior:
    """A mixture of `parts` normal distributions fitted to codes (N, d) by at most `steps` of EM.

    From scikit-learn, along the principal directions of the codes and without correlations within a
    part: on PCA codes of CIFAR-10 that is likelier on codes not seen than full covariances are, and
    takes a second instead of twenty. The unit of the codes does not matter. Fewer parts where there
    are fewer than two codes a part.
    """
    from sklearn.mixture import GaussianMixture

    single = fit_gaussian(codes)
    parts, scale = min(parts, len(codes) // 2), single.spreads.max()
    if parts < 2 or scale == 0:
        return single
    turned = (codes - single.means) @ single.directions.T / scale
    model = GaussianMixture(
        parts, covariance_type="diag", reg_covar=1e-6, max_iter=steps, random_state=seed
    )
    # stopping early, or more parts than distinct codes, still gives a prior to sample from
    with one_thread(), no_convergence_warnings:
        model.fit(turned)
    means = single.means + scale * model.means_ @ single.directions
    spreads = scale * np.sqrt(model.covariances_)
    return Prior(model.weights_ / model.weights_.sum(), means, spreads, single.directions)


def percentile_of_distance(distances: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """How unusual distances are: the percentage of `reference` that is not above each, float32.

    With the distances from points to their nearest points as reference, 50 is as far from a point
    as points are, and 100 is further than any. nan where there is no reference. In code space this
    cannot tell averages from real codes: see `convae.latent.typicality`.
    """
    reference = np.sort(np.ravel(reference))
    if not len(reference):
        return np.full(np.shape(distances), np.nan, np.float32)
    rank = np.searchsorted(reference, distances, side="right")
    return (100 * rank / len(reference)).astype(np.float32)
