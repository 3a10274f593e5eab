"""How many lessons a change of the code makes stale: the last commits replayed, under the old rule and the new one.

    python benchmarks/staleness.py [--commits 60] [--until HEAD] [--each]

For every commit (of the first-parent history, those that touch the package, the sources of lessons or the cards of
weights) the lessons that are there before and after are compared, under two rules:

- modules: a lesson is stale if its source has changed, or any file of a module that it imports, directly or through
  others; all weights' cards count where it imports `weights`, a stored result where the source has its name as a word.
  This was the rule until the present one.
- reached: `course_tools.editions.reach`. Its source, the statements that it reaches, and what it loaded.

What a lesson loaded was not recorded then. Here it is taken to load a stored result if its source has the name in
quotes, and weights if it reaches the function that loads them, for flowers and for every data set that the source
names. That is more than it loads, if anything. The last line counts all kinds of commits, those without code too.
"""

from __future__ import annotations

import argparse
import ast
import functools
import hashlib
import io
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

from course_tools.editions.reach import Code, Unit
from course_utils.record import digest_of_results

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "course_utils"
TOUCHED = [PACKAGE, "solutions/*.py", "weights/*.json"]
DATA_SETS = ("mnist", "fashion_mnist", "cifar10", "digits")
# The functions that load weights -> how the names of these weights begin.
LOADERS = {
    "metrics.recognisers.recogniser": "recogniser-",
    "metrics.oracles.oracle": "oracle-",
    "pretrained.loading.ddpm": "ddpm-",
    "pretrained.loading.guided": "guided-",
    "pretrained.readers.noisy_classifier": "noisy-classifier-",
}
State = dict[str, dict[str, str]]  # lesson -> "source", "modules", "reached" -> digest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commits", type=int, default=60)
    parser.add_argument("--until", default="HEAD")
    parser.add_argument("--each", action="store_true", help="a line for every commit, too")
    options = parser.parse_args()
    revisions = _git(
        "log", "--first-parent", f"-n{options.commits}", "--format=%H", options.until, "--", *TOUCHED
    ).split()
    states: dict[str, State] = {}
    rows = []
    for revision in revisions:
        before, after = (_state(_git("rev-parse", name).strip(), states) for name in (f"{revision}^", revision))
        both = sorted(before.keys() & after.keys())
        edited = {lesson for lesson in both if before[lesson]["source"] != after[lesson]["source"]}
        stale = {
            rule: edited | {lesson for lesson in both if before[lesson][rule] != after[lesson][rule]}
            for rule in ("modules", "reached")
        }
        counts = [len(lessons) for lessons in stale.values()]
        rows.append((len(both), len(edited), *counts, *(len(lessons - edited) for lessons in stale.values())))
        if options.each:
            subject = _git("log", "-1", "--format=%h %s", revision).strip()[:80]
            print(*(f"{count:3}" for count in rows[-1][:4]), subject, " ".join(n[:2] for n in sorted(stale["reached"])))
    lessons, own, modules, reached, modules_only, reached_only = (
        sum(column) / len(rows) for column in zip(*rows, strict=True)
    )
    print(f"{len(rows)} commits, {lessons:.1f} lessons there on the mean, of which a commit edits {own:.2f}")
    print(f"stale by modules: {modules:.2f} lessons a commit, {modules_only:.2f} besides those edited")
    print(f"stale by what is reached: {reached:.2f} lessons a commit, {reached_only:.2f} besides those edited")
    print(f"of 10 lessons: {10 * modules / lessons:.2f} before and {10 * reached / lessons:.2f} after")
    last = _git("log", "--first-parent", f"-n{options.commits}", "--format=%H", options.until).split()
    recent = [row for revision, row in zip(revisions, rows, strict=True) if revision in last]
    modules, reached = (sum(row[k] for row in recent) / len(last) for k in (2, 3))
    print(f"the last {len(last)} commits of any kind: {modules:.2f} before and {reached:.2f} after")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _state(revision: str, known: dict[str, State]) -> State:
    if revision not in known:
        with tempfile.TemporaryDirectory() as folder:
            there = [name for name in (PACKAGE, "solutions", "weights") if _git("ls-tree", revision, name)]
            leave_out = [":(exclude)*.ipynb", ":(exclude)*.safetensors", ":(exclude)*.png"]
            archive = subprocess.run(
                ["git", "archive", revision, "--", *there, *leave_out], cwd=ROOT, check=True, capture_output=True
            )
            with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
                tar.extractall(folder)
            known[revision] = _digests(Path(folder))
    return known[revision]


def _digests(root: Path) -> State:
    code = Code(root, PACKAGE)
    old = Modules(root)
    state: State = {}
    for path in sorted((root / "solutions").glob("[0-9][0-9]_*.py")):
        source = path.read_text(encoding="utf-8")
        units = code.add(source, path.stem).units
        state[path.stem] = {
            "source": source,
            "modules": old.digest(source),
            "reached": code.digest(units) + json.dumps(_loaded(source, units, code, root)),
        }
    return state


def _loaded(source: str, units: list[Unit], code: Code, root: Path) -> list[str]:
    """The digests of the weights and of the results that a lesson loads, as far as the sources tell."""
    names = {f"{unit.module.removeprefix(PACKAGE + '.')}.{unit.name}" for unit in code.reach(units)}
    begins = [begin for name, begin in LOADERS.items() if name in names]
    sets = ["flowers", *(name for name in DATA_SETS if f'"{name}"' in source)]
    found = []
    for card in sorted((root / "weights").glob("*.json")):
        loads = any(card.stem.startswith(begin) for begin in begins) and any(name in card.stem for name in sets)
        if loads or re.search(rf"\b{card.stem.rpartition('-')[0]}-", source):
            found.append(f"{card.stem} {json.loads(card.read_text(encoding='utf-8')).get('sha256')}")
    for result in sorted((root / PACKAGE / "studies").glob("*.json")):
        if f'"{result.stem}"' in source:
            found.append(f"{result.stem} {digest_of_results(result.read_bytes())}")
    return found


@functools.cache
def imported(source: str) -> set[str]:
    """All that a source names in imports, wherever these stand."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


class Modules:
    """The old rule: a lesson stands on every file of every module that it imports, directly or through others."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = {}
        for path in (root / PACKAGE).rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            self.files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        self.imports = {name: self._imports(path.read_text(encoding="utf-8")) for name, path in self.files.items()}

    def _imports(self, source: str) -> set[str]:
        return imported(source) & self.files.keys()

    def digest(self, source: str) -> str:
        waiting, used = self._imports(source), set()
        while waiting:
            module = waiting.pop()
            if module and module not in used:
                used.add(module)
                waiting |= {module.rpartition(".")[0], *self.imports[module]}
        files = [self.files[module] for module in used]
        for path in list(files):
            if path.name == "__init__.py":
                files += [other for other in path.parent.iterdir() if other.is_file() and other.suffix != ".py"]
        if f"{PACKAGE}.weights" in used:
            files += (self.root / "weights").glob("*.json")
        total = hashlib.sha256()
        for path in sorted(files):
            is_result = path.suffix == ".json" and path.parent.name == "studies"
            if not is_result or re.search(rf"\b{re.escape(path.stem)}\b", source):
                total.update(path.relative_to(self.root).as_posix().encode() + path.read_bytes())
        return total.hexdigest()


if __name__ == "__main__":
    main()
