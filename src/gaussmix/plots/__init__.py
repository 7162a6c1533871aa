"""Figures of mixtures, and the curves in them as plain arrays."""

from gaussmix.plots.contact_sheet import contact_sheet
from gaussmix.plots.displays import scatter_figure, segmentation_figure, write_figure
from gaussmix.plots.geometry import density_surface, ellipse, marginal_densities, radius_holding, view_range

__all__ = [
    "contact_sheet",
    "density_surface",
    "ellipse",
    "marginal_densities",
    "radius_holding",
    "scatter_figure",
    "segmentation_figure",
    "view_range",
    "write_figure",
]
