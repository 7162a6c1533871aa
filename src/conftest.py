"""Doctests are not looked for in modules whose library is not installed."""

from importlib.util import find_spec

_MODULES = {"torch": ("torch", "torch_rows"), "dask": ("dask_rows",)}
collect_ignore = [
    f"gaussmix/core/engines/{module}.py"
    for library, modules in _MODULES.items()
    if not find_spec(library)
    for module in modules
]
