"""Documents: the pictures and tables that are open in the page."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from gaussmix.tables import READ_SUFFIXES

Kind = Literal["picture", "table"]
State = TypeVar("State")


class ClosedDocumentError(LookupError):
    """A document that is not open, or not open any more."""


@dataclass(frozen=True)
class Document:
    """A file that is open in the page.

    Attributes
    ----------
    id : str
        What stands for the document in addresses.
    name : str
        Name of the file as the user knows it.
    path : Path
        Where the file lies: in the temporary folder, or where the user has it.
    kind : {"picture", "table"}
        The room that shows it.
    """

    id: str
    name: str
    path: Path
    kind: Kind

    def as_json(self) -> dict[str, str]:
        """Return what the page needs to know."""
        return {"id": self.id, "name": self.name, "kind": self.kind}


class Documents:
    """The open documents, and what the rooms keep about each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, _Kept] = {}

    def add(self, path: Path, name: str, identifier: str | None = None) -> Document:
        """Open a file that exists; its kind follows from its name."""
        document = Document(identifier or new_identifier(), name, path, kind_of(path))
        with self._lock:
            self._open[document.id] = _Kept(document)
        return document

    def __getitem__(self, identifier: str) -> Document:
        """Return an open document; raise ClosedDocumentError if there is none."""
        return self._kept(identifier).document

    def all(self) -> list[Document]:
        """Return the open documents in the order in which they were opened."""
        with self._lock:
            return [kept.document for kept in self._open.values()]

    def state_of(self, document: Document, factory: Callable[[Document], State]) -> State:
        """Return what a room keeps about a document; the first call makes it, and others wait for that."""
        return self._kept(document.id).state(factory)

    def close(self, identifier: str) -> Document:
        """Forget a document, and close what the room kept about it."""
        with self._lock:
            kept = self._open.pop(identifier, None)
        if kept is None:
            raise _closed()
        kept.close()
        return kept.document

    def _kept(self, identifier: str) -> "_Kept":
        with self._lock:
            kept = self._open.get(identifier)
        if kept is None:
            raise _closed()
        return kept


class _Kept:
    """A document with the state of its room."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._lock = threading.Lock()
        self._state: Any = None

    def state(self, factory: Callable[[Document], Any]) -> Any:
        with self._lock:
            if self._state is None:
                self._state = factory(self.document)
            return self._state

    def close(self) -> None:
        with self._lock:
            close = getattr(self._state, "close", None)
            self._state = None
        if close is not None:
            close()


def new_identifier() -> str:
    """Return a new identifier of a document or a job, which cannot be guessed."""
    return secrets.token_hex(8)


def kind_of(path: Path) -> Kind:
    """Return the room for a file: by its suffix; an array of two axes in .npy is a table."""
    name = path.name.lower()
    if name.endswith(".npy"):
        return "table" if _n_axes(path) <= 2 else "picture"
    return "table" if name.endswith(READ_SUFFIXES) else "picture"


def _n_axes(path: Path) -> int:
    """Return the number of axes in the header of a .npy file; its reader complains about a damaged one."""
    try:
        return int(np.load(path, mmap_mode="r", allow_pickle=False).ndim)
    except (ValueError, OSError, EOFError):
        return 2


def _closed() -> ClosedDocumentError:
    return ClosedDocumentError("This file is no longer open. Open it again.")
