"""Formulas in the gallery: TeX becomes MathML, and nothing else changes."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from course_tools.gallery.formulas import formulas_to_mathml, to_mathml


def page(inner: str) -> BeautifulSoup:
    return BeautifulSoup(f'<div class="jp-RenderedMarkdown">{inner}</div>', "html.parser")


@pytest.mark.parametrize(
    "tex",
    [
        r"x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\epsilon",
        r"\epsilon \sim \mathcal{N}(0, I)",
        r"\mathbb{E}\left[\lVert\epsilon - \epsilon_\theta(x_t, t)\rVert^2\right]",
        r"\begin{aligned} a &= b \\ &= c \end{aligned}",
        r"f(u) = \begin{cases} 1 & u > 0 \\ 0 & \text{otherwise} \end{cases}",
        r"\underbrace{\sqrt{\alpha_2\beta_1}}_{\text{old}} + \prod_{s=1}^{t} \alpha_s",
        r"\operatorname{SNR}(t) = \frac{\bar\alpha_t}{1-\bar\alpha_t}",
        r"p_\theta(x_{t-1} \mid x_t) \propto \exp\Big(-\tfrac12 \cdots\Big)",
    ],
)
def test_what_lessons_write_is_converted(tex: str) -> None:
    markup = to_mathml(tex, display=True)
    assert markup.startswith("<math ")
    assert 'display="block"' in markup
    assert "\\" not in BeautifulSoup(markup, "html.parser").get_text()  # no TeX is left to be seen


def test_the_tex_stays_with_the_formula() -> None:
    soup = BeautifulSoup(to_mathml(r"a < b \text{ \"x\"}", display=False), "html.parser")
    assert soup.math is not None
    assert soup.math["alttext"] == r"a < b \text{ \"x\"}"


def test_what_cannot_be_converted_is_shown_as_code() -> None:
    assert to_mathml(r"\left( a < b", display=False) == r"<code>\left( a &lt; b</code>"


@pytest.mark.parametrize(
    ("inner", "count", "text"),
    [
        ("<p>Take $x$ and $y$.</p>", 2, None),
        ("<p>$$x\n= y$$</p>", 1, None),
        (r"<p>\begin{align} a &amp;= b \end{align}</p>", 1, None),
        ("<p>from 5$ to 7$ each</p>", 0, "from 5$ to 7$ each"),
        ("<p>cost $5 and $6 more</p>", 0, "cost $5 and $6 more"),
        ("<p>$a &lt; b$ &amp; c &lt; d</p>", 1, None),
        ("<pre>echo $HOME $PATH</pre>", 0, "echo $HOME $PATH"),
        ("<p><code>$x$</code></p>", 0, "$x$"),
        ("<p>$a\n\nb$</p>", 0, "$a\n\nb$"),
        ("<details><summary>Hint</summary>the root $\\sqrt{2}$</details>", 1, None),
        ("<!-- $x$ -->", 0, None),
    ],
)
def test_where_a_formula_begins_and_ends(inner: str, count: int, text: str | None) -> None:
    soup = page(inner)
    assert formulas_to_mathml(soup) == count
    assert len(soup.select("math")) == count
    if text is not None:
        assert soup.get_text() == text


def test_the_text_around_a_formula_survives() -> None:
    soup = page("<p>If a &lt; b &amp; c, then $x$ &lt;b&gt; is not bold.</p>")
    formulas_to_mathml(soup)
    words = [str(part) for part in soup.find_all(string=True) if part.find_parent("math") is None]
    assert words == ["If a < b & c, then ", " <b> is not bold."]


def test_a_minus_sign_is_a_sign_after_a_bracket_and_a_subtraction_after_a_letter() -> None:
    assert 'form="prefix"' in to_mathml("[-1, 1]", display=False)
    assert 'form="prefix"' in to_mathml("a = -b", display=False)
    assert 'form="prefix"' not in to_mathml("(a) - b", display=False)
    assert 'form="prefix"' not in to_mathml("a - b", display=False)
