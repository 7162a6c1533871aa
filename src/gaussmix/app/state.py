"""What the server keeps while it runs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from gaussmix.app.documents import Document, Documents
from gaussmix.app.jobs import Jobs

State = TypeVar("State")


@dataclass(frozen=True, eq=False)
class AppState:
    """Documents, jobs and the temporary folder of a server.

    Attributes
    ----------
    folder : Path
        Temporary folder; whatever is received is written here and nowhere else.
    documents : Documents
        The open documents.
    jobs : Jobs
        Long work in a process of its own.
    file : Document or None
        The document that a page shows at first: the file of the command line.
    """

    folder: Path
    documents: Documents = field(default_factory=Documents)
    jobs: Jobs = field(default_factory=Jobs)
    file: Document | None = None

    def of(self, document: Document, factory: Callable[[Document], State]) -> State:
        """Return what the room of a document keeps about it.

        Parameters
        ----------
        document : Document
            An open document.
        factory : callable
            Makes the state from the document at the first call. Two calls at the same time make one state. Where it
            has a method ``close``, this is called when the document is closed.

        Returns
        -------
        object
            The state.

        Raises
        ------
        ClosedDocumentError
            If the document is no longer open.
        """
        return self.documents.state_of(document, factory)
