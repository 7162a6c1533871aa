"""Software versions, processor and thread settings."""

import os
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gaussmix.core._native as _native

REQUIRED = ("numpy", "scipy", "scikit-learn", "typer", "rich")
OPTIONAL = ("pandas", "pyarrow", "pillow", "matplotlib", "starlette", "uvicorn", "torch")
SETTINGS = ("GAUSSMIX_", "OMP_", "GOMP_", "KMP_", "OPENBLAS_", "MKL_", "DAAL_", "TBB_")
"""Prefixes of the environment variables that select threads or kernels."""


def show_versions() -> None:
    """Print the versions, the compiled core, the processor and the threads, as needed in a bug report.

    Examples
    --------
    >>> import gaussmix
    >>> gaussmix.show_versions()  # doctest: +ELLIPSIS
    gaussmix ...
    """
    for name, value in describe_versions().items():
        print(f"{name:<14}{', '.join(value) or 'none' if isinstance(value, list) else value}")


def describe_versions() -> dict[str, Any]:
    """Return the facts that `show_versions` prints, by name; values that may be several are lists."""
    packages = {name: installed_version(name) for name in REQUIRED + OPTIONAL}
    return {
        "gaussmix": installed_version("gaussmix"),
        "compiled by": _native.build_description(),
        "instructions": _native.selected_instruction_set(),
        "available": _native.instruction_sets(),
        "threads": _native.max_threads(),
        "environment": [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(SETTINGS)],
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        **packages,
        "thread pools": thread_pools(),
    }


def installed_version(package: str) -> str:
    """Return the version of a package, or "not installed"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def processor_name() -> str:
    """Return the model of the processor and its family; the model name of a virtual processor is often generic."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name", platform.machine())
    return f"{name} (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else name


def thread_pools() -> list[str]:
    """Return the thread pools in this process according to threadpoolctl; an empty list if it is not installed."""
    if find_spec("threadpoolctl") is None:
        return []
    from threadpoolctl import threadpool_info

    pools = (
        f"{pool['internal_api']} {pool.get('architecture') or ''}".strip() + f" x{pool['num_threads']}"
        for pool in threadpool_info()
    )
    return sorted(set(pools))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit the BLAS of NumPy and SciPy to one thread: others would wait actively for long after small products."""
    _blas_limit.enter()
    try:
        yield
    finally:
        _blas_limit.leave()


class _BlasLimit:
    """The limit of one thread, which belongs to the process: the first thread to enter sets it, the last lifts it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._limits: Any = None
        self._libraries: Any = None
        self._n_modules = 0

    def enter(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._limits = self._find_libraries().limit(limits=1)
            self._n_inside += 1

    def leave(self) -> None:
        from threadpoolctl import OpenBLASController

        # from some version on, threadpoolctl ignores all threads but the one that sets a limit first
        let_any_thread_set = getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)
        with self._lock:
            self._n_inside = max(0, self._n_inside - 1)  # 0 already in a child that was forked inside
            if self._n_inside == 0 and self._limits is not None:
                let_any_thread_set(force=True)
                self._limits.restore_original_limits()
                let_any_thread_set(force=True)
                self._limits = None

    def _find_libraries(self) -> Any:
        """Return the BLAS libraries; they are looked for again, which takes milliseconds, only after an import."""
        from threadpoolctl import ThreadpoolController

        if self._libraries is None or self._n_modules != len(sys.modules):
            self._libraries = ThreadpoolController().select(user_api="blas")
            self._n_modules = len(sys.modules)
        return self._libraries


_blas_limit = _BlasLimit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_blas_limit.reset)  # the threads inside are gone
