"""The blind test: sides are random and kept secret, answers are counted, and what came out stays in the notebook."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_utils.errors import CourseError
from course_utils.lessons.lesson10.human_test import GAP, LEFT, SCALE, SIDE, TOP, HumanResult, HumanTest

REAL, FAKE = torch.full((30, 3, 8, 8), 0.8), torch.full((30, 3, 8, 8), -0.8)


def shown(test: HumanTest) -> list[str]:
    """What stands on the left and on the right of the picture: by brightness."""
    sheet = np.asarray(test.image)
    y = round((TOP + SIDE / 2) * SCALE)
    places = [round((LEFT + k * (SIDE + GAP) + SIDE / 2) * SCALE) for k in range(2)]
    return ["real" if sheet[y, x].mean() > 128 else "fake" for x in places]


def test_one_who_sees_is_always_right_and_the_sides_are_mixed():
    test = HumanTest(REAL, FAKE, pairs=20, seed=1)
    sides = []
    while not test.done:
        assert sorted(shown(test)) == ["fake", "real"]
        sides.append(shown(test).index("real"))
        test.answer(("left", "right")[sides[-1]])
    assert test.result.right == test.result.answered == 20 and test.result.share == 1
    assert 4 <= sum(sides) <= 16
    assert test.result.low > 0.8 and "you can tell them apart" in test.says


def test_one_who_always_says_left_is_a_coin():
    test = HumanTest(REAL, FAKE, pairs=30, seed=3)
    for _ in range(30):
        test.answer("left")
    assert 0.25 < test.result.share < 0.75 and "nobody can say" in str(test.result)


def test_nothing_is_given_away_before_the_end():
    test = HumanTest(REAL, FAKE, pairs=4)
    before = test.says
    test.answer("left")
    assert "right" not in test.says.replace("right is", "") and test.says == before.replace("Pair 1", "Pair 2")


def test_the_buttons_answer_and_go_to_sleep_at_the_end():
    test = HumanTest(REAL, FAKE, pairs=2)
    assert test._anew.disabled
    test.buttons["left"].click()
    assert test.result.answered == 1 and not test._anew.disabled
    test.buttons["right"].click()
    assert test.done and all(button.disabled for button in test.buttons.values())
    test.buttons["left"].click()  # a late second click
    assert test.result.answered == 2
    first = list(test._sides)
    for _ in range(8):
        test.again()
        assert not test.done and test.result.answered == 0 and not test.buttons["left"].disabled
        if test._sides != first:
            return
    pytest.fail("the sides never change")


def test_the_sides_depend_on_the_seed_alone():
    assert HumanTest(REAL, FAKE, seed=5)._sides == HumanTest(REAL, FAKE, seed=5)._sides
    assert len({tuple(HumanTest(REAL, FAKE, seed=s)._sides) for s in range(5)}) > 1
    assert len(HumanTest(REAL, FAKE)._sides) == 20 and len(HumanTest(REAL[:6], FAKE)._sides) == 6


def test_the_result_in_words():
    assert "Nobody has answered yet: 20 pairs wait" in str(HumanResult(0, 0, 20, 0.0, 1.0))
    assert np.isnan(HumanResult(0, 0, 20, 0.0, 1.0).share)
    some = str(HumanResult(10, 7, 20, 0.4, 0.89))
    assert "7 of 10 right, a share of 0.70, 95 % interval 0.40 to 0.89" in some and "10 of 20 pairs are left" in some
    assert "take the generated ones for real" in str(HumanResult(20, 2, 20, 0.03, 0.3))


def test_live_view_still_picture_and_a_record_that_follows(monkeypatch):
    outputs, updates = [], []

    class Handle:
        def update(self, data, **_):
            updates.append(data)

    def display(data, metadata=None, raw=False, display_id=None):
        outputs.append((data, metadata))
        return Handle() if display_id else None

    monkeypatch.setattr("IPython.display.display", display)
    test = HumanTest(REAL, FAKE, pairs=3)
    test._ipython_display_()
    (picture, metadata), (record, _) = outputs
    assert picture["image/png"] and "application/vnd.jupyter.widget-view+json" in picture
    assert "One of them is real" in metadata["image/png"]["alt"]
    assert "Nobody has answered yet" in record["text/markdown"]
    for _ in range(3):
        test.answer("left")
    assert len(updates) == 3 and "of 3 "
    "right" in updates[-1]["text/plain"] and "Answers in order" in updates[-1]["text/plain"]
    test.close()


def test_grey_pictures_and_a_single_pair():
    test = HumanTest(REAL[:1, :1], FAKE[:1, :1], pairs=1)
    test.answer("left")
    assert test.done and test.image.width > 100


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: HumanTest(REAL, FAKE[:, :1]), "two pictures of one size"),
        (lambda: HumanTest(REAL[0], FAKE[0]), "two pictures of one size"),
        (lambda: HumanTest(REAL, FAKE, pairs=31), "There are 30 pairs"),
        (lambda: HumanTest(REAL, FAKE, pairs=0), "There are 30 pairs"),
        (lambda: HumanTest(REAL, FAKE).answer("both"), "'left' or on the 'right'"),
    ],
)
def test_helpful_sentences(call, words):
    with pytest.raises(CourseError, match=words):
        call()


def test_no_answer_after_the_last():
    test = HumanTest(REAL, FAKE, pairs=1)
    test.answer("right")
    with pytest.raises(CourseError, match="All pairs are answered"):
        test.answer("left")
