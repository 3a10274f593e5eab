"""README's table and the glossary are what the slices say; so are the opening pictures' files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_tools import editions, pages, pictures
from course_tools.editions.links import anchors, link_complaints
from course_utils import slices
from course_utils.errors import CourseError

ROOT = editions.Course().root
OUTDATED = "{} is out of date: run `course build`."


@pytest.fixture
def small(tmp_path: Path) -> editions.Course:
    """A course of lessons 00 and 04, with a README that has the marks and nothing between them."""
    (tmp_path / "solutions").mkdir()
    for name, title in (("00_welcome", "Welcome"), ("04_ddpm", "DDPM and more")):
        text = f"# %% [markdown]\n# # {name[:2]} · {title}\n"
        (tmp_path / "solutions" / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "README.md").write_text(f"Before\n\n{pages.BEGIN}\nold\n{pages.END}\n\nAfter\n", encoding="utf-8")
    return editions.Course(root=tmp_path)


def test_the_committed_pages_are_those_that_the_slices_make() -> None:
    assert (ROOT / pages.README).read_text(encoding="utf-8") == pages.readme(), OUTDATED.format(pages.README)
    assert (ROOT / pages.GLOSSARY).read_text(encoding="utf-8") == pages.glossary(), OUTDATED.format(pages.GLOSSARY)


def test_the_table_has_a_row_for_each_lesson_and_one_for_each_run_of_those_to_come(small: editions.Course) -> None:
    rows = pages.table(small).splitlines()
    assert rows[2].startswith("| | Start | [00 Welcome](notebooks/00_welcome.ipynb): your machine")
    assert rows[3] == ("| I | Diffusion from scratch | 01 Forward noising · 02 U-Net · 03 Time embeddings | to come |")
    assert rows[4].startswith("| | | [04 DDPM and more](notebooks/04_ddpm.ipynb): ") and rows[4].endswith("**ready** |")
    assert rows[5] == "| | | 05 U-Net optimisations · 06 Fast sampling | to come |"
    assert rows[6].startswith("| II | The continuous view | 07 Score matching · ")


def test_pages_are_written_once_and_only_between_the_marks(small: editions.Course) -> None:
    assert pages.write(small) == [pages.README, pages.GLOSSARY] and pages.write(small) == []
    text = (small.root / "README.md").read_text(encoding="utf-8")
    assert text.startswith("Before\n") and text.endswith("\nAfter\n") and "old" not in text
    (small.root / "README.md").write_text("nothing", encoding="utf-8")
    with pytest.raises(CourseError, match="lost its marks"):
        pages.readme(small)


def test_every_word_stands_in_the_glossary_with_its_anchor_and_in_order() -> None:
    text, places = pages.glossary(), anchors(ROOT / pages.GLOSSARY)
    for number in slices.numbers():
        for word, meaning in slices.about(number).words.items():
            assert f"*{word}*: {meaning} ([lesson {number}]" in text
            assert pages.anchor(word) in places
    words = [line.split("</a>*")[1].split("*")[0].casefold() for line in text.splitlines() if "</a>*" in line]
    assert words == sorted(words)
    assert link_complaints(ROOT / pages.GLOSSARY, ROOT) == []


def test_what_lessons_say_of_themselves_is_true_of_them() -> None:
    assert list(pages.complaints()) == []


def test_an_unused_word_a_full_stop_and_a_word_of_two_lessons_are_noticed(
    small: editions.Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        "00": slices.About(line="ends badly.", words={"welcome": "a greeting.", "score": "never used here"}),
        "04": slices.About(line="fine", words={"DDPM": "the model"}),
    }
    monkeypatch.setattr(slices, "about", said.__getitem__)
    assert list(pages.complaints(small)) == [
        "Lesson 00 gives 'welcome' a meaning that is empty or ends with a full stop.",
        "Lesson 00 says that it introduces 'score', and never uses it.",
        "Lesson 00 has a line for README that is empty or ends with a full stop.",
    ]
    said["04"] = slices.About(line="fine", words={"Score": "again"})
    with pytest.raises(CourseError, match="both introduce 'Score'"):
        pages.glossary(small)


def test_a_lesson_that_does_not_say_what_it_is_about_is_refused() -> None:
    with pytest.raises(CourseError, match=r"write lesson99/about\.py"):
        slices.about("99")


@pytest.mark.parametrize("number", slices.numbers())
def test_an_opening_picture_is_wide_enough_and_its_lesson_shows_it(number: str) -> None:
    file = slices.folder(number) / pictures.NAME
    with Image.open(file) as picture:
        assert picture.width >= 600
    assert f"](../{file.relative_to(ROOT).as_posix()})" in editions.find(number).source.read_text(encoding="utf-8")


def test_an_opening_picture_is_made_again_as_it_is() -> None:
    """Of the lesson whose picture needs neither weights nor many flowers; the others take minutes."""
    ((file, picture, changed),) = pictures.make(["05"])
    assert file == slices.folder("05") / pictures.NAME and not changed
    assert np.array_equal(np.asarray(picture), np.asarray(Image.open(file)))


def test_a_picture_with_other_pixels_is_written(tmp_path: Path) -> None:
    file = tmp_path / "opening.png"
    grey = Image.new("RGB", (8, 8), (90, 90, 90))
    assert pictures.save(grey, file) and not pictures.save(grey, file)
    assert not pictures.save(grey.quantize(4), file)  # the same pixels, kept another way
    assert pictures.save(Image.new("RGB", (8, 8), (91, 90, 90)), file)


def test_a_slice_without_an_opening_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "part", lambda number, name: None)
    with pytest.raises(CourseError, match=r"slice of lesson 05 has no opening\.py"):
        list(pictures.make(["05"]))
