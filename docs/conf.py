"""Configuration of the documentation, which `make docs` builds without access to the network."""

import importlib.metadata
import importlib.resources
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

from gallery import PAGES

project = "gaussmix"
author = "The gaussmix developers"
version = release = importlib.metadata.version("gaussmix")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "numpydoc",
    "matplotlib.sphinxext.plot_directive",
    "matplotlib.sphinxext.figmpl_directive",
    "mathml",
    "reference",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [("py:obj", ".*")]  # some names in single backticks are parameters

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "gaussmix"
# Few systems have a math font, so the site includes one: STIX Two Math (Open Font License), from ziamath.
html_static_path = ["_static", str(importlib.resources.files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf")]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"changelog": [], "architecture": []}
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}

toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 100
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the class template lists them
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False

plot_include_source = True
plot_pre_code = ""  # each page has its own imports
plot_html_show_source_link = plot_html_show_formats = False
plot_formats = [("png", 100)]
plot_srcset = ["2x"]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "subsection_order": [f"../examples/{section}" for section in PAGES],
    "within_subsection_order": "gallery.ReadingOrder",
    "reset_modules": ("matplotlib", "gallery.watch_page"),
    "reset_modules_order": "both",
    "image_srcset": ["2x"],
    "doc_module": ("gaussmix",),
    "backreferences_dir": "auto_examples/used_by",
    "inspect_global_variables": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,  # no times on the pages, so that every build gives the same pages
    "download_all_examples": False,
}
