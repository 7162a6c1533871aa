"""Settings of the documentation."""

import importlib.metadata

project = "gaussmix"
author = "The gaussmix developers"
version = release = importlib.metadata.version("gaussmix")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = "gaussmix"
exclude_patterns = ["_build"]
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
