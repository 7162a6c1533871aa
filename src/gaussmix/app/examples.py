"""A picture and a table to try the application with."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from gaussmix.app.documents import Document, new_identifier
from gaussmix.app.state import AppState


def names() -> dict[str, str]:
    """Return the examples: for each name what the page calls it."""
    return {name: label for name, (label, _) in _EXAMPLES.items()}


def open_example(name: str, state: AppState) -> Document:
    """Write an example to the temporary folder and open it."""
    if name not in _EXAMPLES:
        raise ValueError(f"There is no example {name!r}")
    identifier = new_identifier()
    folder = state.folder / identifier
    folder.mkdir()
    path = folder / name
    _EXAMPLES[name][1](path)
    return state.documents.add(path, name, identifier)


def _write_photograph(path: Path) -> None:
    import sklearn.datasets

    path.write_bytes(files(sklearn.datasets).joinpath("images", "china.jpg").read_bytes())


def _write_eruptions(path: Path) -> None:
    path.write_bytes(files("gaussmix.datasets").joinpath("old_faithful.csv").read_bytes())


_EXAMPLES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "china.jpg": ("a photograph", _write_photograph),
    "old_faithful.csv": ("a table of eruptions", _write_eruptions),
}
