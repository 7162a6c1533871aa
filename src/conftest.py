"""Doctests are not looked for in a module whose library is not installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["gaussmix/core/engines/torch.py"]
