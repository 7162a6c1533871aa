"""Properties that are computed once."""

import threading
from dataclasses import dataclass, field

import pytest

from gaussmix.core.cached_values import cached_property


@dataclass(frozen=True)
class Table:
    """A value that may wait for an event."""

    event: threading.Event | None = None
    computed: list[bool] = field(default_factory=list)

    @cached_property
    def has_happened(self) -> bool:
        """Whether the event happened in time."""
        self.computed.append(True)
        return self.event is None or self.event.wait(timeout=20)


@pytest.mark.parametrize("n_reads", [1, 2, 5])
def test_a_value_is_computed_once(n_reads):
    table = Table()
    assert all(table.has_happened for _ in range(n_reads))
    assert table.computed == [True]


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_instances_do_not_wait_for_each_other(n_threads):
    event = threading.Event()
    tables = [Table(event) for _ in range(n_threads)]
    threads = [threading.Thread(target=lambda table=table: table.has_happened) for table in tables]
    for thread in threads:
        thread.start()
    assert Table().has_happened
    event.set()
    for thread in threads:
        thread.join()
    assert all(table.has_happened for table in tables)


def test_the_class_has_the_property_itself():
    assert Table.has_happened.attrname == "has_happened"
