"""The blind test in a real JupyterLab: answered by keyboard alone, and what came out stays below it."""

from __future__ import annotations

import json

import pytest

from tests.browser.test_explorer_in_lab import write

pytestmark = pytest.mark.browser

TINY = """
import torch
from course_utils.lessons.lesson10.human_test import HumanTest
generator = torch.Generator().manual_seed(0)
real, fake = torch.rand(2, 4, 3, 16, 16, generator=generator) * 2 - 1
HumanTest(real, fake, pairs=4)
"""


def test_it_is_answered_by_keyboard_and_the_result_is_kept(lab_page, lab_folder):
    lab_page.open(write(lab_folder, "blind.ipynb", TINY))
    lab_page.run_all()
    page, test = lab_page.page, lab_page.page.get_by_role("group", name="Blind test")
    test.wait_for()
    status = test.get_by_role("status")
    assert "Pair 1 of 4" in status.inner_text()
    page.get_by_text("Nobody has answered yet: 4 pairs wait").wait_for()
    test.get_by_role("button", name="left is real").focus()
    for k, key in enumerate(("1", "ArrowRight", "2")):
        page.keyboard.press(key)
        test.get_by_text(f"Pair {k + 2} of 4").wait_for()
        page.get_by_text(f"{k + 1} right").or_(page.get_by_text(f"of {k + 1} right")).first.wait_for()
    test.get_by_role("button", name="left is real").focus()
    page.keyboard.press("Enter")  # a button is a button
    test.get_by_text("of 4 right").wait_for()
    assert test.get_by_role("button", name="left is real").is_disabled()
    page.get_by_text("Answers in order").wait_for()  # the record below, which is saved with the notebook
    assert "Answers in order" in json.dumps(lab_page.notebook())
    assert lab_page.errors == [] and lab_page.cell_errors() == []
