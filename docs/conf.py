"""Configuration of Sphinx."""

import sklearn_rnn

project = "sklearn_rnn"
author = "the sklearn_rnn developers"
project_copyright = f"2026, {author}"
release = sklearn_rnn.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
]
exclude_patterns = ["_build", "defaults_table.rst", "speed_table.rst"]
autosummary_generate = True
numpydoc_show_class_members = False
html_theme = "alabaster"
html_title = "sklearn_rnn"
