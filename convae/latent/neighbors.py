"""Nearest neighbors among codes, and paths along the neighbor graph."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from convae.evaluation.metrics import _blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class GraphPath(NamedTuple):
    """indices: the codes on the path, including both ends. length: the sum of the steps between
    them. k: how many neighbors each code needed for the ends to be connected."""

    indices: list[int]
    length: float
    k: int


def neighbor_graph(codes: np.ndarray, k: int) -> "csr_array":
    """The k-nearest-neighbor graph of codes (N, d): a sparse (N, N) matrix of distances.

    About 3 s for 10,000 codes on two cores: worth keeping.
    """
    from scipy.sparse import csr_array

    distances, indices = nearest_neighbors(codes, codes, k, skip_self=True)
    rows = np.arange(len(codes) + 1) * indices.shape[1]
    # equal codes are neighbors too, and a zero would mean no edge
    lengths = np.maximum(distances.ravel().astype(np.float64), 1e-12)
    return csr_array((lengths, indices.ravel(), rows), shape=(len(codes),) * 2)


def shortest_path(graph: "csr_array", start: int, end: int) -> tuple[list[int], float]:
    """The shortest way from start to end along a graph of `neighbor_graph`, and its length.

    Edges count in both directions. An empty list and inf where there is no way.
    """
    from scipy.sparse.csgraph import dijkstra

    length, previous = dijkstra(graph, directed=False, indices=start, return_predecessors=True)
    if not np.isfinite(length[end]):
        return [], float("inf")
    path = [int(end)]
    while path[-1] != start:
        path.append(int(previous[path[-1]]))
    return path[::-1], float(length[end])


def graph_path(codes: np.ndarray, start: int, end: int, k: int = 10) -> GraphPath:
    """From code to code through real codes alone, along the k-nearest-neighbor graph.

    codes: (N, d); start, end: indices. Where k neighbors do not connect the two, k is doubled
    until they are connected.
    """
    if k < 1 or not (0 <= start < len(codes) and 0 <= end < len(codes)):
        raise ValueError(f"start (={start}), end (={end}) or k (={k}) is out of range")
    while True:
        path, length = shortest_path(neighbor_graph(codes, k), start, end)
        if path:
            return GraphPath(path, length, k)
        k = min(2 * k, len(codes) - 1)


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


METRICS = ("Euclidean", "Cosine")


def nearest_codes(
    codes: np.ndarray, queries: np.ndarray, k: int, metric: str
) -> tuple[np.ndarray, np.ndarray]:
    """`neighbors` by one of METRICS: (distances, indices), (M, k) each. Cosine: 1 - cos of the
    angle at the origin, in [0, 2]; a zero vector is at distance 0.5."""
    if metric not in METRICS:
        raise ValueError(f"metric (={metric!r}) must be one of {', '.join(METRICS)}")
    if metric == "Euclidean":
        return nearest_neighbors(codes, queries, k)
    distances, indices = nearest_neighbors(_unit(codes), _unit(queries), k)
    return distances**2 / 2, indices  # |a - b|^2 = 2 - 2 cos for unit vectors


def _unit(codes: np.ndarray) -> np.ndarray:
    codes = np.asarray(codes, np.float64)
    lengths = np.linalg.norm(codes, axis=-1, keepdims=True)
    return codes / np.maximum(lengths, 1e-12)


def nearest_neighbors(
    codes: np.ndarray, queries: np.ndarray, k: int, skip_self: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The k codes nearest to each query, exact, nearest first.

    codes: (N, d); queries: (M, d). Returns Euclidean distances float32 (M, k) and indices into
    codes int64 (M, k); k is cut to what there is. skip_self: queries are the codes themselves,
    and none is its own neighbor.
    """
    codes, queries = np.asarray(codes, np.float64), np.asarray(queries, np.float64)
    if codes.ndim != 2 or queries.ndim != 2 or codes.shape[1] != queries.shape[1]:
        raise ValueError(f"codes {codes.shape} and queries {queries.shape} do not fit")
    k = max(0, min(k, len(codes) - skip_self))
    distances = np.empty((len(queries), k), np.float32)
    indices = np.empty((len(queries), k), np.int64)
    if not k:
        return distances, indices
    center = codes.mean(axis=0)
    codes, queries = codes - center, queries - center
    squares = (codes * codes).sum(axis=1)
    for block in _blocks(len(queries), max(1, 2**23 // len(codes))):
        ranked = queries[block] @ codes.T
        ranked *= -2
        ranked += squares
        if skip_self:
            rows = np.arange(len(ranked))
            ranked[rows, block.start + rows] = np.inf
        best = np.argpartition(ranked, k - 1, axis=1)[:, :k]
        exact = np.linalg.norm(codes[best] - queries[block, None], axis=2)
        order = np.lexsort((best, exact))
        distances[block] = np.take_along_axis(exact, order, axis=1)
        indices[block] = np.take_along_axis(best, order, axis=1)
    return distances, indices
