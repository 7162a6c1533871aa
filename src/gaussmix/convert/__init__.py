"""Conversions: models of scikit-learn, mclust and MATLAB, ONNX graphs, and units before a pipeline's scaler."""

from gaussmix.convert.input_units import mixture_in_units
from gaussmix.convert.matlab import from_matlab, to_matlab
from gaussmix.convert.mclust import from_mclust
from gaussmix.convert.onnx_graph import to_onnx
from gaussmix.convert.sklearn_models import from_sklearn, to_sklearn

__all__ = [
    "from_matlab",
    "from_mclust",
    "from_sklearn",
    "mixture_in_units",
    "to_matlab",
    "to_onnx",
    "to_sklearn",
]
