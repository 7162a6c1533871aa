"""Amounts of memory."""

import pytest

from gaussmix.core.byte_sizes import bytes_given, bytes_shown, free_memory


@pytest.mark.parametrize(
    ("text", "size"),
    [("1 GB", 1e9), ("500MB", 5e8), ("2 GiB", 2**31), ("1.5 kb", 1500), ("64k", 64_000), ("100", 100), (3e9, 3e9)],
)
def test_amounts_are_read(text, size):
    assert bytes_given(text, "limit") == size


@pytest.mark.parametrize(
    "text", ["", "GB", "1 XB", "-1 GB", "0", 0, -5, True, None, float("nan"), float("inf"), "1 GBx"]
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match='limit must be an amount of memory such as "1 GB"; got'):
        bytes_given(text, "limit")


@pytest.mark.parametrize(
    ("size", "text"), [(5, "5 bytes"), (1.28e9, "1.28 GB"), (4.2e13, "42 TB"), (9e6, "9 MB"), (999_999, "1 MB")]
)
def test_amounts_are_shown(size, text):
    assert bytes_shown(size) == text


@pytest.mark.parametrize(("size", "shown"), [("1 MB", "1 MB"), (1e6, "1 MB"), (20, "20 bytes"), ("15.9 MB", "15.9 MB")])
def test_too_little_memory_is_refused(size, shown):
    assert bytes_given("16 MB", "limit", 16e6) == 16e6
    with pytest.raises(ValueError, match=rf"^limit must be at least 16 MB; got {shown}$"):
        bytes_given(size, "limit", 16e6)


def test_there_is_free_memory():
    free = free_memory()
    assert free is None or free > 0
