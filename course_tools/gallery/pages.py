"""The gallery's pages: one for each lesson that ran, and an index with a card and a small picture for each."""

from __future__ import annotations

import base64
import html
import io
import mimetypes
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import nbformat
from bs4 import BeautifulSoup
from nbformat import NotebookNode

from course_tools.editions import Lesson
from course_tools.gallery.formulas import formulas_to_mathml
from course_utils.errors import UnwritableError
from course_utils.files import write_atomically
from course_utils.plots.still import with_alt_text, without_live_widgets

if TYPE_CHECKING:
    from course_tools.gallery.runner import LessonRun

HERE = Path(__file__).parent
THUMBNAIL_WIDTH = 560  # twice what a card shows, for sharp screens
# nbconvert's JupyterLab look without its scripts, all of which it would fetch from the network.
PAGE = """\
{%- extends 'index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_css -%}<style>{{ resources.course.style }}</style>{%- endblock -%}
{%- block body_header -%}
<body class="jp-Notebook lesson" data-jp-theme-light="true" data-jp-theme-name="JupyterLab Light">
{{ resources.course.way }}
<main>
{%- endblock -%}
{%- block body_footer -%}
</main>
{{ resources.course.way }}
</body>
{%- endblock -%}
"""


def write_pages(results: Sequence[LessonRun], folder: Path) -> None:
    """A page for each lesson that left a notebook; sets `LessonRun.page`, or `LessonRun.error` if there is no room."""
    ran = [result for result in results if result.notebook and result.notebook.is_file()]
    everyone = [result.lesson for result in ran]
    for result in ran:
        executed = nbformat.read(result.notebook, as_version=4)
        try:
            result.page = write_page(executed, result.lesson, folder, everyone)
        except UnwritableError as error:
            result.error = result.error or str(error)


def write_page(executed: NotebookNode, lesson: Lesson, folder: Path, everyone: Sequence[Lesson]) -> Path:
    """An executed lesson as one HTML file that needs no other file and no network.

    Args:
        executed: the notebook as the run left it.
        lesson: whose it is.
        folder: the gallery's folder.
        everyone: the lessons that have a page, in order, for the links to the neighbours.
    """
    from nbconvert import HTMLExporter  # here: it takes a second to load

    exporter = HTMLExporter(template_name="lab", raw_template=PAGE, anchor_link_text=" ")
    still = with_alt_text(without_live_widgets(executed))
    resources = {
        "metadata": {"name": f"{lesson.number} · {lesson.title}"},
        "course": {"style": _style(), "way": _way(lesson, everyone)},
    }
    body, _ = exporter.from_notebook_node(still, resources=resources)
    page = BeautifulSoup(body, "html.parser")
    formulas_to_mathml(page)
    _settle_links(page, lesson.solution.parent, folder, {other.name for other in everyone})
    for image in page.select("img"):
        image["loading"] = "lazy"
    target = folder / f"{lesson.name}.html"
    write_atomically(target, str(page).encode("utf-8"))
    return target


def write_index(results: Sequence[LessonRun], folder: Path, settings: str) -> Path:
    """The gallery's first page."""
    cards = "\n".join(_card(result) for result in results)
    body = f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>From Noise to Flowers</title>
<style>{_style()}</style>
</head>
<body class="index">
<header><h1>From Noise to Flowers</h1><p>{html.escape(settings)}</p></header>
<main class="cards">
{cards}
</main>
</body>
</html>
"""
    target = folder / "index.html"
    write_atomically(target, body.encode("utf-8"))
    return target


def _card(result: LessonRun) -> str:
    title = f"{result.lesson.number} · {html.escape(result.lesson.title)}"
    facts = f"{result.seconds:.0f} s, {result.passed} of {result.exercises} exercises passed, {result.figures} figures"
    stopped = f'<p class="stopped">{html.escape(result.error)}</p>' if result.error else ""
    picture = _thumbnail(result)
    image = f'<img src="{picture}" alt="">' if picture else '<div class="blank"></div>'
    inside = f"{image}<h2>{title}</h2><p>{facts}</p>{stopped}"
    if result.page is None:
        return f'<article class="card">{inside}</article>'
    return f'<article class="card"><a href="{result.page.name}">{inside}</a></article>'


def _thumbnail(result: LessonRun) -> str | None:
    """The lesson's opening picture, else its first figure, made small, as a data address."""
    if result.page is None:
        return None
    page = BeautifulSoup(result.page.read_text(encoding="utf-8"), "html.parser")
    for image in page.select(".jp-RenderedMarkdown img, .jp-OutputArea-output img"):
        match = re.match(r"data:image/(?:png|jpeg);base64,(.+)", str(image.get("src", "")), re.DOTALL)
        if match:
            return _small(base64.b64decode(match[1]))
    return None


def _small(picture: bytes) -> str:
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_WIDTH))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return _data_address(buffer.getvalue(), "image/png")


def _settle_links(page: BeautifulSoup, base: Path, folder: Path, names: set[str]) -> None:
    """Make relative addresses right for a page in another folder.

    Args:
        page: changed in place.
        base: the folder that the lesson's relative links start from.
        folder: the folder of the page.
        names: lessons that have a page of their own.
    """
    for link in page.select("main a[href]"):
        path, hash_mark, place = str(link["href"]).partition("#")
        if not _is_relative(path):
            continue
        name = Path(unquote(path)).stem
        if path.endswith(".ipynb") and name in names:
            link["href"] = f"{name}.html{hash_mark}{place}"
        else:
            link["href"] = _from(folder, base / unquote(path)) + hash_mark + place
    for image in page.select("img[src]"):
        source = str(image["src"])
        file = base / unquote(source)
        if _is_relative(source) and file.is_file():
            kind = mimetypes.guess_type(file.name)[0] or "image/png"
            image["src"] = _data_address(file.read_bytes(), kind)


def _is_relative(address: str) -> bool:
    return bool(address) and re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|/", address) is None


def _from(folder: Path, target: Path) -> str:
    try:
        return Path(os.path.relpath(target, folder)).as_posix()
    except ValueError:  # Windows, on another drive
        return target.resolve().as_uri()


def _way(lesson: Lesson, everyone: Sequence[Lesson]) -> str:
    """The line with the way back, to the lesson before and to the one after."""
    names = [other.name for other in everyone]
    at = names.index(lesson.name)
    links: list[Any] = [("index.html", "All lessons")]
    if at > 0:
        links.insert(0, (f"{names[at - 1]}.html", f"← {everyone[at - 1].number} {everyone[at - 1].title}"))
    if at + 1 < len(names):
        links.append((f"{names[at + 1]}.html", f"{everyone[at + 1].number} {everyone[at + 1].title} →"))
    spans = " ".join(f'<a href="{address}">{html.escape(words)}</a>' for address, words in links)
    return f'<nav class="way">{spans}</nav>'


def _style() -> str:
    return (HERE / "style.css").read_text(encoding="utf-8")


def _data_address(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
