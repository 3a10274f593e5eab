"""Formulas without a network: TeX between dollar signs becomes MathML, which every current browser draws itself.

nbconvert leaves `$...$` in the page for MathJax, a script of a megabyte from the network. Without one, a reader
would see raw TeX. latex2mathml covers what lessons use; where it gives up, the TeX stays, set as code.
"""

from __future__ import annotations

import html
import re

from bs4 import BeautifulSoup, Comment
from latex2mathml.converter import convert

# In this order: two dollars before one, and an environment that stands alone. A dollar sign after a
# backslash is a dollar sign; an inline formula does not cross an empty line, nor begin or end with a space.
MATH = re.compile(
    r"(?<!\\)\$\$(?P<display>.+?)(?<!\\)\$\$"
    r"|(?P<environment>\\begin\{(?P<name>align|aligned|equation|gather|cases|matrix|pmatrix)(?P<star>\*?)\}"
    r".+?\\end\{(?P=name)(?P=star)\})"
    r"|(?<!\\)\$(?!\s)(?P<inline>(?:[^$\n]|\\\$|\n(?!\s*\n))+?)(?<![\s\\])\$(?!\d)",
    re.DOTALL,
)
# latex2mathml takes "~" for a letter, and a minus sign after a bracket, a comma or "=" for a subtraction.
TILDE = "<mi>&#x0007E;</mi>"
SIGN = re.compile(r"(<mo[^>]*>(?!&#x00029;|&#x0005D;|&#x0007D;|&#x0007C;)[^<]*</mo>)<mo>&#x02212;</mo>")
LEFT_ALONE = ("code", "pre", "script", "style", "math", "textarea", "title")


def to_mathml(tex: str, display: bool) -> str:
    """One formula as a `<math>` element; the TeX as `<code>` if it cannot be converted."""
    try:
        # `align` is `aligned` with a number; latex2mathml knows the latter.
        plain = re.sub(r"\\(begin|end)\{(align|gather|equation)\*?\}", r"\\\1{aligned}", tex.strip())
        markup = convert(plain, display="block" if display else "inline")
    except Exception:  # the library raises a kind of its own for each mistake in the TeX
        return f"<code>{html.escape(tex.strip())}</code>"
    markup = SIGN.sub(r'\1<mo form="prefix">&#x02212;</mo>', markup.replace(TILDE, "<mo>&#x0223C;</mo>"))
    # The TeX stays with the formula, for copying and for screen readers that do not know MathML.
    return markup.replace("<math ", f'<math alttext="{html.escape(tex.strip(), quote=True)}" ', 1)


def formulas_to_mathml(page: BeautifulSoup, inside: str = ".jp-RenderedMarkdown") -> int:
    """Replace the formulas in the text of these elements, in place. Returns how many there were."""
    count = 0
    for element in page.select(inside):
        for text in list(element.find_all(string=True)):
            if isinstance(text, Comment) or text.find_parent(LEFT_ALONE):
                continue
            replaced, found = MATH.subn(_formula, _escaped(str(text)))
            if found:
                count += found
                fragment = BeautifulSoup(replaced, "html.parser")
                text.replace_with(*list(fragment.contents))
    return count


def _formula(match: re.Match[str]) -> str:
    inline = match["inline"]
    tex = inline if inline is not None else match["display"] or match["environment"]
    return to_mathml(html.unescape(tex), display=inline is None)


def _escaped(text: str) -> str:
    """Text as it would stand in HTML, so that what surrounds a formula survives parsing."""
    return html.escape(text, quote=False)
