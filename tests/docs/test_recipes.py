"""Pages whose examples need other packages: they run, and print what the pages say, where these are installed."""

import warnings

import pytest
from helpers.pages import DOCS, run_page

PAGES = {
    "conversions": (("onnxruntime",), 3),
    "torch": (("torch",), 1),
    "recipes/anndata": (("anndata",), 2),
    "recipes/fcs": (("flowio",), 2),
    "recipes/xarray": (("xarray", "netCDF4"), 2),
    "recipes/fits": (("astropy",), 3),
}
"""Page -> the packages that it needs, and how many texts it shows that its examples print."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_examples_run_and_print_what_the_page_says(name, tmp_path, monkeypatch):
    packages, n_texts = PAGES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of those packages
        for package in packages:
            pytest.importorskip(package)
        monkeypatch.chdir(tmp_path)  # they write files
        assert run_page(name) == n_texts


def test_every_recipe_runs():
    assert {f"recipes/{path.stem}" for path in (DOCS / "recipes").glob("*.md")} <= set(PAGES)
