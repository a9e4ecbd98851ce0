"""Formulas as MathML, which browsers draw themselves: no script, no network.

Sphinx's own way is MathJax, which a page fetches from a server. docutils can write
MathML; this hands it the formulas that Sphinx has parsed.
"""

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml


def write_inline(writer, node):
    """Write the formula of a ``:math:`` role."""
    writer.body.append(tex2mathml(node.astext()))
    raise SkipNode


def write_display(writer, node):
    """Write the formula of a ``math`` directive."""
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    writer.body.append(tex2mathml(node.astext().strip(), as_block=True))
    writer.body.append("</div>\n")
    raise SkipNode


def setup(app):
    """Make ``html_math_renderer = "mathml"`` known."""
    app.add_html_math_renderer("mathml", (write_inline, None), (write_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
