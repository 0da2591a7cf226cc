import os
from unittest import mock

from tests.drills import sigkill, trainings
from tests.support import cards


def test_killed_trainings_lose_no_finished_epoch_and_end_with_the_same_weights():
    result = sigkill.drill(count=5, seed=1)
    assert result.done["kills"] == 5
    assert not result.problems


def test_the_drill_sees_a_lost_epoch_a_torn_file_and_other_weights(tmp_path):
    with mock.patch.dict(os.environ):
        trainings.sandbox(tmp_path)
        run, watched = trainings.claim(tmp_path, "victim", epochs=1), trainings.Watched()
        assert trainings.ended(trainings.fork(run, watched.around_saves)) == 0
        assert watched.saved == 1 and not watched.saving
        assert sigkill.damage(run, saved=1) == ""
        assert "epoch 2 was saved" in sigkill.damage(run, saved=2)
        before = trainings.weights(run)
        assert trainings.equal(before, trainings.weights(run))
        assert not trainings.equal(before, {name: t + 1e-7 for name, t in before.items()})
        with cards.edited(run.path) as card:
            card["sha256"] = "0" * 64
        assert "not those its card was written for" in sigkill.damage(run, saved=1)
        state = (run.path / "state.pt").read_bytes()
        (run.path / "state.pt").write_bytes(state[: len(state) // 2])
        assert "resume state of `victim` is damaged" in sigkill.damage(run, saved=1)
