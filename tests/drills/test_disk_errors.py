import pytest

from tests.drills import disk_errors


def test_a_disk_that_fails_costs_no_saved_epoch_and_is_named():
    result = disk_errors.drill(step=30)
    assert result.done["trainings"] >= 8 and result.done["ended as killed"] == 0
    assert not result.problems


def test_the_operations_that_fail_are_those_that_were_asked_for(tmp_path):
    disk = disk_errors.Disk(2, 28, lasting=False, begun=lambda: True)
    with disk.in_force():
        (tmp_path / "a").write_bytes(b"1234")
        assert not disk.failed
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "b").write_bytes(b"1234")
        (tmp_path / "c").write_bytes(b"1234")
    assert disk.failed and disk.count == 3
    assert [(tmp_path / name).read_bytes() for name in "abc"] == [b"1234", b"12", b"1234"]
