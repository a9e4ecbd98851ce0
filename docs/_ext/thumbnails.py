"""Alternative texts of the gallery's small pictures: the titles of their examples.

Sphinx-Gallery leaves them empty.
"""

from docutils.nodes import image, paragraph


def name_thumbnails(app, doctree, docname):
    """Give each picture without a text that of the paragraph after it."""
    for picture in doctree.findall(image):
        if picture.get("alt") == "":
            title = picture.next_node(paragraph, descend=False, siblings=True)
            picture["alt"] = title.astext()


def setup(app):
    """Register with Sphinx."""
    app.connect("doctree-resolved", name_thumbnails)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
