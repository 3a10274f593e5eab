"""Another noise: of another kind, from another source, or one for all."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from course_tools.mutants.place import Place, called, with_parts

KINDS = {"randn": "rand", "rand": "randn", "randn_like": "rand_like", "rand_like": "randn_like"}
SHARED = "(lambda noise: noise[:1].expand_as(noise))"
SEEDED = "torch.Generator().manual_seed(0)"


def noise(node: ast.AST, place: Place) -> Iterator[ast.expr]:
    """`randn` as `rand`; the generator dropped; the same noise in every call; one noise for all pictures.

    Cannot matter: nothing, where the noise itself does.
    """
    if isinstance(node, ast.Call) and called(node) in KINDS and isinstance(node.func, ast.Attribute):
        other = ast.Attribute(node.func.value, KINDS[called(node)], ast.Load())
        yield ast.Call(other, node.args, node.keywords)
        yield ast.Call(_expression(SHARED), [node], [])
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg == "generator":
                rest = [other for other in node.keywords if other is not keyword]
                yield with_parts(node, keywords=rest)
                yield with_parts(node, keywords=[*rest, ast.keyword("generator", _expression(SEEDED))])


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
