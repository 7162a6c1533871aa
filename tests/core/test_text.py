"""Text for messages: lists, plurals, tables and labeled lines."""

import pytest
from rich.console import Console

from gaussmix.core.text import (
    Entry,
    align_columns,
    counted,
    default_names,
    entry_grid,
    format_entries,
    join_clauses,
    join_words,
    plural,
)


@pytest.mark.parametrize(
    ("words", "most", "text"),
    [
        ([], None, ""),
        (["a"], None, "a"),
        (["a", "b"], None, "a and b"),
        (["a", "b", "c"], 3, "a, b and c"),
        (range(5), 3, "0, 1, 2 and 2 more"),
        ((letter for letter in "ab"), 1, "a and 1 more"),
    ],
)
def test_words_are_joined_as_in_a_sentence(words, most, text):
    assert join_words(words, most) == text


@pytest.mark.parametrize(("n", "text"), [(0, ""), (1, "0"), (2, "0; 1"), (4, "0; 1; and 2 more")])
def test_clauses_are_joined_by_semicolons(n, text):
    assert join_clauses([str(number) for number in range(n)], 2) == text


def test_nouns_follow_their_numbers():
    assert [counted(n, "row") for n in (0, 1, 2, 1234)] == ["0 rows", "1 row", "2 rows", "1,234 rows"]
    assert [plural("Class", n) for n in (1, 2)] == ["Class", "Classes"]


def test_unnamed_columns_are_named_as_by_scikit_learn():
    assert default_names(3) == ("x0", "x1", "x2")


def test_columns_are_aligned_and_empty_ones_left_out():
    lines = [("name", "", "n", "words"), ("a", "", "10", "b"), ("b", "", "9", "")]
    assert align_columns(lines, left=(0, 3)) == "name   n  words\na     10  b\nb      9"


ENTRIES = [Entry("rows", "3"), Entry("a label", "word " * 30, flagged=True)]


def test_entries_are_wrapped_beside_their_labels():
    first, second, third = format_entries(ENTRIES).splitlines()
    assert first == "rows     3"
    assert second.startswith("a label  word word")
    assert third.startswith("         word word")
    assert max(len(second), len(third)) <= 100


def test_a_terminal_shows_the_same_words_and_colors_what_is_flagged():
    console = Console(width=100, force_terminal=True, color_system="standard", highlight=False)
    with console.capture() as capture:
        console.print(entry_grid(ENTRIES))
    plain, flagged, *_ = capture.get().splitlines()
    assert "\x1b[33m" in flagged
    assert "\x1b[33m" not in plain
    console = Console(width=100)
    with console.capture() as capture:
        console.print(entry_grid(ENTRIES))
    assert capture.get().split() == format_entries(ENTRIES).split()
