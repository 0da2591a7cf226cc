import hashlib

import pytest

from convae import data
from convae.errors import DataError

# of the first 20 test images in the Python archive of CIFAR-10, rows of pixels in RGB
FIRST_20 = "27ddb4ee8c4153e426b6bbf58adff848a2599c19488bf485bee8ad8e76707704"


def test_the_sample_is_the_first_20_test_images_of_cifar10():
    found = data.load("sample", "test")
    assert hashlib.sha256(found.images.tobytes()).hexdigest() == FIRST_20
    assert found.labels.tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1, 0, 9, 5, 7, 9, 8, 5, 7, 8, 6]
    assert found.class_names[3] == "cat" and len(found.class_names) == 10


def test_the_sample_has_no_training_split():
    assert data.splits("sample") == ("test",)
    with pytest.raises(DataError, match="`sample` has no train split; it has: test"):
        data.load("sample", "train")
