"""Progress bars of the command line."""

from convae.progress import Bars
from convae.training.loop import Progress


def at(step, steps):
    return Progress(1, step, steps, 0.1, 1e-3, 100.0, 1.0, 1.0)


def test_with_a_time_limit_the_bar_follows_the_estimated_number_of_steps(capsys):
    bars = Bars(quiet=False)
    bars.train(at(10, 3000))
    bars.train(at(500, 50_000))
    bars.bar.refresh()
    bars.close()
    assert "500/50000" in capsys.readouterr().err


def test_a_resumed_run_is_not_shown_as_faster_than_it_is():
    bars = Bars(quiet=False)
    bars.train(at(20_000, 50_000))
    assert bars.bar.initial == 20_000  # tqdm's rate counts the steps after it
    bars.close()
