"""Render formulas as MathML, which browsers display without a script.

docutils translates the formulas. Sphinx itself would use MathJax, which each page loads from the network.
"""

import re
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml, pick_math_environment
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

_BEFORE_FUNCTION = re.compile(r"(?<=[\w})])\s*(?=\\(?:log|exp|det)(?![A-Za-z]))")
_BEHIND_FUNCTION = re.compile(r"(\\(?:log|exp|det))(?:\s+(?=[A-Za-z])|\s*(?=\\(?:[A-KM-Za-km-z]|l(?!eft))))")
"""Where LaTeX inserts thin spaces and docutils does not: "p log n", not "plogn"."""


_MATHML = "http://www.w3.org/1998/Math/MathML"
ElementTree.register_namespace("", _MATHML)
_BRACES = {"msub": "\N{BOTTOM CURLY BRACKET}", "msup": "\N{TOP CURLY BRACKET}"}


def _with_thin_spaces(formula: str) -> str:
    return _BEHIND_FUNCTION.sub(r"\1\\,", _BEFORE_FUNCTION.sub(r"\\,", formula))


def _with_words_at_braces(formula: str) -> str:
    """Move the label of a brace below or above it; docutils places it beside the brace, as an index."""
    tree = ElementTree.fromstring(formula)
    for tag, brace in _BRACES.items():
        for element in tree.iter(f"{{{_MATHML}}}{tag}"):
            if element[0].tag.endswith(("munder", "mover")) and element[0][-1].text == brace:
                element.tag = element[0].tag
    return ElementTree.tostring(tree, encoding="unicode")


def _translated(node: nodes.Element, formula: str, is_block: bool) -> str:
    try:
        mathml = latex2mathml.tex2mathml(_with_thin_spaces(formula), as_block=is_block)
        return _with_words_at_braces(mathml) if "brace" in formula else mathml
    except MathError as error:
        logger.warning("formula %r: %s", formula, error, location=node)
        return f"<code>{formula}</code>"


def visit_math(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(_translated(node, node.astext(), is_block=False))
    raise nodes.SkipNode


def visit_math_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="formula"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    for formula in node.astext().split("\n\n"):  # Sphinx separates equations by blank lines
        environment = pick_math_environment(formula)
        wrapped = formula if environment == "equation*" else rf"\begin{{{environment}}}{formula}\end{{{environment}}}"
        translator.body.append(_translated(node, wrapped, is_block=True))
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
