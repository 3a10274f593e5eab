"""The reader of links: what it finds in markdown, in HTML, in maths, and which anchors a page has."""

from __future__ import annotations

import nbformat
import pytest

from course_tools.editions.links import anchors, link_complaints, parse


def page(root, text, name="page.md"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_links_and_pictures_of_every_kind():
    found = parse(
        "[a](one.md) ![alt](two.png) <https://x.org> [b][ref]\n\n[ref]: three.md\n\n"
        '<a href="four.md">x</a> <img src="five.png" alt="five">\n\n<p align="center"><img src="six.png"></p>\n'
    )
    assert found.links == ["one.md", "https://x.org", "three.md", "four.md"]
    assert found.pictures == [("two.png", "alt"), ("five.png", "five"), ("six.png", "")]


def test_neither_maths_nor_code_holds_links():
    found = parse("$f[a](b)$ and `[c](d)`\n\n$$\n[e](f)\n$$\n\n```\n[g](h)\n```\n")
    assert found.links == []


def test_anchors_of_markdown_are_those_of_github(tmp_path):
    path = page(tmp_path, '# The `q_sample` idea!\n\n## Twice\n\n## Twice\n\n<a id="own"></a>\n')
    assert anchors(path) == {"the-q_sample-idea", "twice", "twice-1", "own"}


def test_anchors_of_notebooks_are_those_of_jupyterlab(tmp_path):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("## The Noise, step by step")])
    path = tmp_path / "a.ipynb"
    nbformat.write(nb, path)
    assert anchors(path) == {"The-Noise,-step-by-step"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a](none.md)", "which does not exist"),
        ("[a](OTHER.md)", "which does not exist"),  # another case: it works on some systems only
        ("[a](other.md#nowhere)", "no heading with the anchor 'nowhere'"),
        ("[a](#nowhere)", "no heading with the anchor 'nowhere'"),
        ("[a](picture.png#x)", "has no headings"),
        ("[a](../outside.md)", "lies outside the course"),
        ("[a](/other.md)", "neither a web address nor"),
        ("[a](file:///other.md)", "neither a web address nor"),
        ("[a]()", "which is empty"),
        ("![x](gone.png)", "which does not exist"),
        ('<img src="gone.png" alt="x">', "which does not exist"),
        ("![](picture.png)", "without alt text"),
        ('<img src="picture.png">', "without alt text"),
    ],
)
def test_a_dead_end_is_named(tmp_path, text, said):
    root = tmp_path / "root"
    page(root, "# Other\n", "other.md")
    page(root, "", "picture.png")
    page(tmp_path, "", "outside.md")
    (complaint,) = link_complaints(page(root, text), root)
    assert complaint.startswith("page.md ") and said in complaint


def test_what_resolves_is_accepted(tmp_path):
    page(tmp_path, "# Other one\n", "docs/other one.md")
    page(tmp_path, "", "docs/picture.png")
    text = "# Here\n\n[a](docs/other%20one.md#other-one) [b](#here) [c](https://x.org/#y) [d](mailto:a@b.c) [e](docs)\n"
    text += '![p](docs/picture.png) <img src="docs/picture.png" alt="p">'
    assert link_complaints(page(tmp_path, text), tmp_path) == []
