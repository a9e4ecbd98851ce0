"""Formulas as MathML, which browsers draw themselves: no script, no network.

Sphinx's own way is MathJax, which a page fetches from a server. docutils can write
MathML; this hands it the formulas that Sphinx has parsed.
"""

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.logging import getLogger

logger = getLogger(__name__)


def write_inline(writer, node):
    """Write the formula of a ``:math:`` role."""
    writer.body.append(to_mathml(node))
    raise SkipNode


def write_display(writer, node):
    """Write the formula of a ``math`` directive."""
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    writer.body.append(to_mathml(node, as_block=True))
    writer.body.append("</div>\n")
    raise SkipNode


def to_mathml(node, as_block=False):
    """Return a formula as MathML; a warning if docutils cannot read it."""
    try:
        return tex2mathml(node.astext().strip(), as_block=as_block)
    except MathError as error:
        logger.warning("formula: %s", error, location=node)
        return ""


def setup(app):
    """Make ``html_math_renderer = "mathml"`` known."""
    app.add_html_math_renderer("mathml", (write_inline, None), (write_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
