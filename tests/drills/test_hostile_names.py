import pytest

from tests.drills import hostile_names
from tests.support.browsing import CHROMIUM, MISSING

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(CHROMIUM is None, reason=MISSING)]


def test_hostile_names_are_text_and_nothing_else():
    result = hostile_names.drill(pages=("train?train-view=Watch", "reconstruct"), keys=("model",))
    assert not result.problems
    assert result.done["pages"] == 4
    assert "<script>window.hacked=1</script>" in result.texts
