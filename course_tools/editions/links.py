"""Links and pictures in the course's pages: what a notebook, the README or a page in docs/ points to."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from course_tools.editions.notebooks import label, read_notebook

ELSEWHERE = ("http", "https", "mailto")


@dataclass
class Page:
    """What a piece of markdown holds: links and pictures as (target, alt text or None), headings, explicit ids."""

    links: list[str] = field(default_factory=list)
    pictures: list[tuple[str, str]] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)


def parse(markdown: str) -> Page:
    """Read markdown (with `$maths$` and HTML in it) for what it links to."""
    page = Page()
    tokens = _parser().parse(markdown)
    for before, token in zip([None, *tokens], tokens, strict=False):
        if before is not None and before.type == "heading_open":
            page.headings.append(_plain_text(token))
        for part in [token, *(token.children or [])]:
            if part.type == "link_open":
                page.links.append(str(part.attrGet("href") or ""))
            elif part.type == "image":
                page.pictures.append((str(part.attrGet("src") or ""), part.content))
            elif part.type in ("html_inline", "html_block"):
                _Tags(page).feed(part.content)
    return page


def link_complaints(path: Path, root: Path) -> list[str]:
    """Every link and picture of a page (.md or .ipynb) that leads nowhere, and every picture without alt text."""
    found: list[str] = []
    for where, page in _pages(path):
        name = f"{path.relative_to(root).as_posix()}{where}"
        for target in [*page.links, *(source for source, _ in page.pictures)]:
            fault = _fault(target, path, root)
            if fault:
                found.append(f"{name} points to {target!r}, {fault}.")
        found += [f"{name} shows {source!r} without alt text." for source, alt in page.pictures if not alt.strip()]
    return found


def anchors(path: Path) -> set[str]:
    """The anchors of a page: in a notebook as JupyterLab makes them, in markdown as GitHub does."""
    pages = [page for _, page in _pages(path)]
    names = {name for page in pages for name in page.ids}
    headings = [heading for page in pages for heading in page.headings]
    if path.suffix == ".ipynb":
        return names | {heading.replace(" ", "-") for heading in headings}
    seen: dict[str, int] = {}
    for heading in headings:
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        names.add(slug if slug not in seen else f"{slug}-{seen[slug]}")
        seen[slug] = seen.get(slug, 0) + 1
    return names


@functools.cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin)
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # a file:// link is ours to complain of
    return parser


def _pages(path: Path) -> list[tuple[str, Page]]:
    """A markdown file whole; a notebook by its markdown cells, each with where it is."""
    if path.suffix != ".ipynb":
        return [("", parse(path.read_text(encoding="utf-8")))]
    nb = read_notebook(path)
    return [
        (f", {label(nb, i)},", parse(cell.source)) for i, cell in enumerate(nb.cells) if cell.cell_type == "markdown"
    ]


def _fault(target: str, path: Path, root: Path) -> str | None:
    """Why a target does not resolve, or None if it does, or leads out of the course."""
    parts = urlsplit(target)
    if parts.scheme in ELSEWHERE:
        return None
    if parts.scheme or parts.netloc or target.startswith("/"):
        return "which is neither a web address nor a path relative to the page"
    file = path
    if parts.path:
        file = Path(os.path.normpath(path.parent / unquote(parts.path)))
        if not file.is_relative_to(root):
            return "which lies outside the course"
        if not _exists_as_spelt(file, root):
            return "which does not exist"
    elif not parts.fragment:
        return "which is empty"
    if parts.fragment:
        if file.suffix not in (".ipynb", ".md"):
            return f"but {file.name} has no headings"
        if unquote(parts.fragment) not in anchors(file):
            return f"but {file.name} has no heading with the anchor {unquote(parts.fragment)!r}"
    return None


def _exists_as_spelt(file: Path, root: Path) -> bool:
    """Whether the path exists with this very case: some systems forgive what others refuse."""
    here = root
    for part in file.relative_to(root).parts:
        if not here.is_dir() or part not in {entry.name for entry in here.iterdir()}:
            return False
        here = here / part
    return True


def _plain_text(token: Token) -> str:
    """A heading's text as a browser shows it."""
    shown = ("text", "code_inline", "math_inline")
    return "".join(child.content for child in token.children or [] if child.type in shown)


class _Tags(HTMLParser):
    """Collects the links, pictures and ids of HTML inside markdown."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag == "a" and "href" in values:
            self.page.links.append(values["href"])
        if tag in ("img", "source", "video") and "src" in values:
            self.page.pictures.append((values["src"], values.get("alt", "") if tag == "img" else "not a picture"))
        if "srcset" in values:
            self.page.pictures += [
                (item.split()[0], "a variant") for item in values["srcset"].split(",") if item.split()
            ]
        self.page.ids |= {values[key] for key in ("id", "name") if values.get(key)}
