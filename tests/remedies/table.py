"""Which test does what a sentence of the course tells a person to do.

`@remedy("words of the sentence")` stands above a test that performs it: it brings about the sentence, does what it
says, and sees that the thing works. `ELSEWHERE` names tests of other folders that do so; `BEYOND` the sentences of
which no test can do what they say, with the reason. `test_every_remedy.py` holds all sentences against the three.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., None])
DONE: set[str] = set()  # words of sentences, of the tests in this folder

#: what begins something that a person can do: a deed, and not only a better argument
DEED = re.compile(
    r"\bdelete\b|\brun (`|it|this|the|its|your)|`course \w+|`pip |`python |`apt|\bset … |\bset the env|\bset COURSE"
    r"|\bfree (some|2)|\bmove (it|them|the|all)|\bput (a|it|the|them|image)|\btake .*away|\bcopy (it|the)|\bthem anew"
    r"|\brestore|and the next call|connect to|close (it|other)|build it|open it in|\bsave (it|the)|\bstop it"
    r"|name another|work there|call(ing)? `fit` again|go on with",
    re.IGNORECASE,
)


def remedy(*words: str) -> Callable[[F], F]:
    """Say of which sentences a test does what they tell."""
    DONE.update(words)
    return lambda test: test


def sentences(root: Path) -> Iterator[tuple[str, str]]:
    """(place, text) of each text below a folder, but docstrings, that tells somebody to do something."""
    for path in sorted(root.rglob("*.py")):
        for node in _texts(ast.parse(path.read_text(encoding="utf-8"))):
            text = _said(node)
            if " " in text.strip() and DEED.search(text):
                yield f"{path.relative_to(root.parent).as_posix()}:{node.lineno}", text


def _texts(tree: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """The texts of a module, whole: without docstrings, and without the parts of a text with values in it."""
    passed_over = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            passed_over.add(node.value)
        if isinstance(node, ast.JoinedStr):
            passed_over.update(part for part in ast.walk(node) if part is not node and isinstance(part, ast.JoinedStr))
            passed_over.update(part for part in node.values if isinstance(part, ast.Constant))
            passed_over.update(
                part.format_spec for part in node.values if isinstance(part, ast.FormattedValue) and part.format_spec
            )
    for node in ast.walk(tree):
        text = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        if text and node not in passed_over:
            yield node  # type: ignore[misc]


def _said(node: ast.expr) -> str:
    """A text as it is read, with … for a value."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_said(part) for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "…"


def without_test(root: Path, known: set[str]) -> list[str]:
    """The sentences below a folder in which none of the known words stand."""
    return [f"{place}: {text}" for place, text in sentences(root) if not any(words in text for words in known)]


def unsaid(roots: list[Path], known: set[str]) -> list[str]:
    """Known words that stand in no sentence any more."""
    every = [text for root in roots for _, text in sentences(root)]
    return sorted(words for words in known if not any(words in text for text in every))
