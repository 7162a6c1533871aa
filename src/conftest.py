"""Doctests are not looked for in a module whose library is not installed."""

from importlib.util import find_spec

_OF_TORCH = ["gaussmix/core/engines/torch.py", "gaussmix/core/engines/torch_rows.py"]
collect_ignore = [] if find_spec("torch") else _OF_TORCH
