"""A root, an `abs`, a `detach`, a `.to`, a clamp dropped; a layer left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from course_tools.mutants.place import Place, called, number

OF_VALUES = "sqrt square abs exp log log2 round clamp masked_fill real"
OF_ACTIVATIONS = "sin cos sigmoid relu gelu erf softmax log_softmax"
OF_KINDS = "to double float long item as_tensor"
OF_GRADIENTS = "detach clone requires_grad_"
OF_SHAPES = "reshape flatten transpose permute flip T trace sort unbind chunk"
CALLS = {*" ".join([OF_VALUES, OF_ACTIVATIONS, OF_KINDS, OF_GRADIENTS, OF_SHAPES]).split()}


def dropped(node: ast.AST, place: Place) -> Iterator[ast.expr]:
    """The value as it was before the call, the power, or the layer.

    Cannot matter: none; each of these changes some value, dtype, shape or gradient.
    """
    if isinstance(node, ast.Call) and called(node) in CALLS:
        if isinstance(node.func, ast.Attribute) and not place.is_of_a_module(node.func):
            yield node.func.value
        elif node.args:
            yield node.args[0]
    elif isinstance(node, ast.Call) and _is_layer(node.func) and len(node.args) == 1 and not node.keywords:
        yield node.args[0]
    elif isinstance(node, ast.Attribute) and node.attr in CALLS and not isinstance(place.parents[node], ast.Call):
        yield node.value
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and number(node.right) is not None:
        yield node.left


def _is_layer(function: ast.expr) -> bool:
    """`self.act` of `self.act(x)`."""
    return isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "self"
