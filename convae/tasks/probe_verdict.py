"""Which features classify best, in words."""

from collections.abc import Mapping

import numpy as np

from convae.tasks.evidence import is_close, too_few
from convae.tasks.features import PROBES, SPACES, Classified, LabelPoint, Results


def verdict(accuracies: Mapping[str, Mapping[str, Classified]], chance: float, count: int) -> str:
    """Which features classify best with each probe, in sentences. accuracies: space -> probe ->
    result. chance: the accuracy of guessing, see `chance_level`. count: of test images."""
    if few := too_few(count):
        return few
    probes = next(iter(accuracies.values()))
    parts = [_winner(accuracies, probe, chance) for probe in probes]
    if not all(_codes_win(accuracies, probe) for probe in probes):
        parts.append(
            "Reconstruction alone does not learn classes: nothing in its loss asks for codes that "
            "separate them."
        )
    return " ".join(parts)


def _ranked(accuracies: Results, probe: str) -> list[str]:
    return sorted(accuracies, key=lambda name: -accuracies[name][probe].accuracy)


def _codes_win(accuracies: Results, probe: str) -> bool:
    first, second = (accuracies[name][probe] for name in _ranked(accuracies, probe)[:2])
    return _ranked(accuracies, probe)[0] == "codes" and not close(first, second)


def close(one: Classified | LabelPoint, other: Classified | LabelPoint) -> bool:
    """Whether two accuracies differ by two standard errors at most."""
    return is_close(one.accuracy - other.accuracy, np.hypot(one.error, other.error))


def _winner(accuracies: Results, probe: str, chance: float) -> str:
    ranked, codes = _ranked(accuracies, probe), accuracies["codes"][probe]
    best, title = accuracies[ranked[0]][probe], PROBES[probe].capitalize()
    if best.accuracy - chance <= 2 * best.error:
        return (
            f"{title}: nothing is better than guessing; the best, {SPACES[ranked[0]]}, gives "
            f"{best.accuracy:.1%}, the most frequent class {chance:.1%}."
        )
    if ranked[0] == "codes":
        rival, winner, wins = accuracies[ranked[1]][probe], "the codes", "win"
        scores = f"{codes.accuracy:.1%}, against {rival.accuracy:.1%} of {SPACES[ranked[1]]}"
    else:
        rival, winner, wins = codes, "a baseline", "wins"
        scores = f"{SPACES[ranked[0]]} {best.accuracy:.1%}, the codes {codes.accuracy:.1%}"
    if close(best, rival):
        return f"{title}: no winner, a difference below two standard errors: {scores}."
    return f"{title}: {winner} {wins}: {scores}."
