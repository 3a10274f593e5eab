"""What stands in which line of an answer, counted as the student's editor counts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from course_tools.cells import statements

WRAPPERS = re.compile(r"%%(?:time|capture)(?:\s+--\S+)*\s*")  # cell magics that change nothing of what a cell computes
INSTALLERS = r"\b(?:pip\d?(?:\.\d+)?|pipx|conda|mamba|micromamba|uv|poetry|easy_install|apt|apt-get|brew)\b"
INSTALLS = re.compile(INSTALLERS + r".*\b(?:install|uninstall|add|remove|update|upgrade|sync|download|wheel)\b", re.S)
ENDS = re.compile(r"(?:sys\.)?exit|quit|os\._exit|_exit|os\.abort|abort|os\.kill|os\.killpg|get_ipython\(\)\.ask_exit")


def in_own_lines(source: str) -> str:
    """The source for IPython, which would drop blank lines at the top, and count from below a `%%` line: as comments
    they keep every later line where the student sees it.
    """
    lines = source.split("\n")
    blank = next((index for index, line in enumerate(lines) if line.strip()), 0)
    if WRAPPERS.fullmatch(lines[blank]):
        lines[blank] = f"# {lines[blank]}"
    if lines[blank].startswith("%%"):
        return source
    return "\n".join(["#"] * blank + lines[blank:])


def installing(parts: Iterable[str]) -> tuple[int, str] | None:
    """The first line that installs or removes packages, by whatever way: its number, and what stands there."""
    for source, call in _calls(parts):
        words = [
            node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        function = ast.unparse(call.func)
        if function != "print" and INSTALLS.search(" ".join([function, *words])):
            return _line(source, call.lineno, INSTALLERS)
    return None


def ending(parts: Iterable[str]) -> tuple[int, str] | None:
    """The first line that ends Python: its number, and what stands there."""
    found = [(source, call) for source, call in _calls(parts) if ENDS.fullmatch(ast.unparse(call.func))]
    return min((_line(source, call.lineno, "") for source, call in found), default=None)


def line_of(pattern: str, parts: Iterable[str]) -> str:
    """Where a pattern stands first, in words for a sentence: " in line 3 (`del torch`)", or ""."""
    for source in parts:
        for number, line in enumerate(source.split("\n"), start=1):
            if re.search(pattern, line.split("#")[0]):
                return f" in line {number} (`{line.strip()[:80]}`)"
    return ""


def only_comments(parts: Iterable[str], untouched: str, name: str) -> bool:
    """Whether an answer has no statement of its own: it differs from the cell handed out in comments and blanks alone.

    Of what stands outside of the function or class of this name, such as a call that tries it out, nothing counts.
    """
    known = _leaves(untouched, name)
    return all(_leaves(source, name) <= known for source in parts)


def _leaves(source: str, name: str) -> set[str]:
    body = statements(source)
    own = [node for node in body if getattr(node, "name", "") == name]
    found = set()
    for top in own or body:
        for node in ast.walk(top):
            words = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)  # a docstring, an ellipsis
            if isinstance(node, ast.stmt) and not hasattr(node, "body") and not words and not _refuses(node):
                found.add(ast.dump(node))
    return found


def _refuses(node: ast.stmt) -> bool:
    return isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.unparse(node.exc)


def _calls(parts: Iterable[str]) -> Iterator[tuple[str, ast.Call]]:
    for source in map(in_own_lines, parts):
        for node in ast.walk(ast.Module(statements(source), [])):
            if isinstance(node, ast.Call):
                yield source, node


def _line(source: str, first: int, pattern: str) -> tuple[int, str]:
    """The first line from `first` on with the pattern; that itself if none has it."""
    lines = source.split("\n")
    number = next((n for n in range(first, len(lines) + 1) if re.search(pattern, lines[n - 1])), first)
    return number, lines[number - 1].strip()[:80]
