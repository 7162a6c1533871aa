"""Displays and figures of mixtures, and functions that compute their curves."""

from gaussmix.plots.animation import EMAnimation
from gaussmix.plots.contact_sheets import contact_sheet
from gaussmix.plots.criterion import CriterionDisplay
from gaussmix.plots.geometry import (
    ellipse,
    marginal_densities,
    mass_levels,
    principal_axes,
    radius_holding,
    view_range,
)
from gaussmix.plots.histogram import HistogramDisplay
from gaussmix.plots.level_curves import decision_boundaries, density_contours
from gaussmix.plots.mixture import MixtureDisplay
from gaussmix.plots.model_figures import model_figure, scatter_figure
from gaussmix.plots.output import write_figure
from gaussmix.plots.pairs import PairsDisplay
from gaussmix.plots.projection import ProjectionDisplay
from gaussmix.plots.responsibility import ResponsibilityDisplay
from gaussmix.plots.seeded_figures import seeded_figure
from gaussmix.plots.segmentation import SegmentationDisplay
from gaussmix.plots.segmentation_figures import segmentation_figure
from gaussmix.plots.trace import TraceDisplay
from gaussmix.plots.uncertainty import UncertaintyDisplay

__all__ = [
    "CriterionDisplay",
    "EMAnimation",
    "HistogramDisplay",
    "MixtureDisplay",
    "PairsDisplay",
    "ProjectionDisplay",
    "ResponsibilityDisplay",
    "SegmentationDisplay",
    "TraceDisplay",
    "UncertaintyDisplay",
    "contact_sheet",
    "decision_boundaries",
    "density_contours",
    "ellipse",
    "marginal_densities",
    "mass_levels",
    "model_figure",
    "principal_axes",
    "radius_holding",
    "scatter_figure",
    "seeded_figure",
    "segmentation_figure",
    "view_range",
    "write_figure",
]
