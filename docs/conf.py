"""Configuration of Sphinx: ``make -C docs html`` builds the site.

No network is needed but for data sets that examples fetch; ``SKLEARN_RNN_MIRROR`` names
another server for those.
"""

import sys
from pathlib import Path

import sklearn_rnn

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "sklearn_rnn"
author = "the sklearn_rnn developers"
project_copyright = f"2026, {author}"
release = sklearn_rnn.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "mathml",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
    "thumbnails",
]
exclude_patterns = [
    "_build",
    "_templates",
    "*_table.rst",
    "sg_execution_times.rst",
    "auto_examples/sg_execution_times.rst",
]
templates_path = ["_templates"]

# A reference that leads nowhere is a warning, and so an error. Names of other packages
# are shown without a link: their inventories would have to be fetched.
nitpicky = True
nitpick_ignore_regex = [
    ("py:class", r"sklearn_rnn\.nn\._reset_before\._ResetBefore"),  # torch_class
    ("py:.*", r"(sklearn|skorch|torch|numpy|np|scipy|pandas|matplotlib|captum)\b.*"),
]

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say more
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

# Figures of the pages are drawn by the files in figures/.
plot_basedir = "figures"
plot_formats = [("png", 160)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_rcparams = {"font.size": 11, "savefig.facecolor": "white"}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "doc_module": ("sklearn_rnn",),
    "reference_url": {"sklearn_rnn": None},
    "backreferences_dir": "generated/examples",
    "download_all_examples": False,
    "remove_config_comments": True,
    "capture_repr": ("_repr_html_",),  # no "<... object at 0x7f...>"
    "show_memory": False,
    "parallel": 2,  # processes; joblib divides the cores among them
    "thumbnail_size": (400, 280),
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "sklearn_rnn"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
# pages that stand alone have nothing to show in a column on the left
_ALONE = ["getting_started", "data", "settings", "install", "glossary", "genindex"]
html_sidebars = {page: [] for page in _ALONE}
html_theme_options = {
    "logo": {"text": "sklearn_rnn"},
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "show_nav_level": 1,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
