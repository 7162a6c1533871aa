"""Properties that are computed once."""

import functools
from typing import TYPE_CHECKING, Any

__all__ = ["cached_property"]

if TYPE_CHECKING:
    from functools import cached_property
else:

    class cached_property(functools.cached_property):  # noqa: N801 (it replaces the one of the standard library)
        """A `functools.cached_property` without the lock that it has before Python 3.12.

        The lock is one for all instances: a process that is forked while a thread computes a value would wait for it
        forever. Two threads may compute the same value.
        """

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return self
            values, name = instance.__dict__, self.attrname
            if name not in values:
                values[name] = self.func(instance)
            return values[name]
