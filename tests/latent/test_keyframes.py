import numpy as np
import pytest

from convae.data import ImageSet, disk_cache
from convae.latent import keyframes, priors
from convae.latent.keyframes import Keyframe, Known
from tests.support.models import Halves, flat


@pytest.fixture
def known():
    images, labels = flat(10, 20, 30, 40), np.array([0, 1, 1, 0])
    digest = disk_cache.fingerprint(images, labels, ("dark", "light", "none"))
    test = ImageSet(images, labels, ("dark", "light", "none"), "test", "toy", digest)
    return Known(test, flat(200), test, Halves().encode(images))


def test_text_and_keyframes_are_the_same(known):
    text = "3,u1,g7,c1,m,0"
    found, problems = keyframes.parse(text, known)
    assert not problems
    assert found[:2] == [Keyframe("", 3), Keyframe("u", 1)]
    assert keyframes.text_of(found) == text


def test_text_is_read_generously(known):
    assert keyframes.parse(" 3 , M,, C1 ,", known)[0] == keyframes.parse("3,m,c1", known)[0]
    assert keyframes.parse("", known) == ([], [])


@pytest.mark.parametrize(
    "word, message",
    [
        ("4", "There is no test image 4: they go from 0 to 3"),
        ("-1", "`-1` is not a keyframe"),
        ("g", "`g` is not a keyframe"),
        ("m3", "`m3` is not a keyframe"),
        ("1" * 40, "is not a keyframe"),
        ("<b>*x*`", "`.b..x..` is not a keyframe"),
        ("u2", "Your image 2 is not here"),
        ("u0", "Your image 0 is not here"),
        ("c2", "There is no class 2"),
        ("c9", "There is no class 9"),
    ],
)
def test_what_names_nothing_is_left_out_and_named(known, word, message):
    found, (problem,) = keyframes.parse(f"1,{word},2", known)
    assert [str(each) for each in found] == ["1", "2"]
    assert message in problem.replace("?", ".")


def test_a_walk_has_at_most_six(known):
    found, (problem,) = keyframes.parse("0,1,2,3,0,1,2,3", known)
    assert len(found) == 6 and "8 keyframes were given; the first 6 are used" in problem


def test_examples_are_of_different_classes(known):
    found = keyframes.examples(known.test, 2)
    assert [known.test.labels[number] for _, number in found] == [0, 1]
    assert len(keyframes.examples(known.test, 4)) == 4
    one = known.test.take([0])
    assert keyframes.examples(one, 3) == [Keyframe("", 0)] * 3


def test_the_first_sum_replaces_one_class_by_another(known):
    assert keyframes.text_of(keyframes.example_terms(known.test)) == "c1,c0,0"
    assert keyframes.text_of(keyframes.example_terms(known.test.take([1, 2]))) == "0,1,0"


def test_everything_has_a_name(known):
    found, _ = keyframes.parse("1,u1,g7,c1,m", known)
    names = [keyframes.named(each, known.test) for each in found]
    assert names == ["light", "your image 1", "generated 7", "mean light", "mean image"]


def test_images_and_codes_by_hand(known):
    found, _ = keyframes.parse("1,u1,c1,m", known)
    images, codes = keyframes.look_up(found, known, Halves())
    assert codes.tolist() == [[20, 20], [200, 200], [25, 25], [25, 25]]
    assert images[:, 0, 0, 0].tolist() == [20, 200, 25, 25]


def test_what_is_generated_is_a_function_of_its_seed(known):
    found, _ = keyframes.parse("g7,g8,g7", known)
    _, codes = keyframes.look_up(found, known, Halves())
    assert (codes[0] == codes[2]).all() and (codes[0] != codes[1]).any()
    prior = priors.fit_gaussian(known.codes + 100)
    _, others = keyframes.look_up(found, known, Halves(), lambda: prior)
    np.testing.assert_allclose(others, codes + 100, atol=1e-3)


def test_keyframes_are_found_in_the_sample_by_their_number(known):
    picked = [Keyframe("", 3), Keyframe("c", 1), Keyframe("u", 1), Keyframe("", 0)]
    assert keyframes.sample_rows(picked, known).tolist() == [0, 3]
    rows = known.test.sample_rows(2)
    part = known._replace(sample=known.test.sample(2), codes=known.codes[rows])
    every = [Keyframe("", number) for number in range(4)]
    assert keyframes.sample_rows(every, part).tolist() == [0, 1]
    assert keyframes.sample_rows([Keyframe("", int(rows[1]))], part).tolist() == [1]
