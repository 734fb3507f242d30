"""ModelCard: a page of Markdown with its pictures."""

import os
import re
from collections.abc import Mapping
from os import PathLike
from urllib.parse import quote

from .._atomic_files import resolve_output, write_files
from .._interrupts import interrupts_deferred
from .markdown import escape
from .pictures import as_uri


class ModelCard:
    """A page of Markdown on a fitted estimator, with its pictures.

    :func:`skfashion.model_card` makes it. ``str(card)`` is the page.

    Parameters
    ----------
    title : str
        The title of the page, as text.
    sections : dict of str to str
        The Markdown of each section by its heading. It may be changed.
    pictures : dict of str to bytes, default=None
        The PNG file of each picture by its name in the links of sections.

    Examples
    --------
    >>> from skfashion import ModelCard
    >>> card = ModelCard("Clothes", {"Model": "It classifies *clothes*."})
    >>> card.sections["Limits"] = "It was trained on no other images."
    >>> print(card)
    # Clothes
    <BLANKLINE>
    ## Model
    <BLANKLINE>
    It classifies *clothes*.
    <BLANKLINE>
    ## Limits
    <BLANKLINE>
    It was trained on no other images.
    """

    def __init__(
        self,
        title: str,
        sections: Mapping[str, str],
        pictures: Mapping[str, bytes] | None = None,
    ) -> None:
        self.title = title
        self.sections = dict(sections)
        self.pictures = dict(pictures or {})

    def __str__(self) -> str:
        sections = (f"## {escape(name)}\n\n{text}" for name, text in self.sections.items())
        return "\n\n".join([f"# {escape(self.title)}", *sections])

    def __repr__(self) -> str:
        return f"ModelCard({self.title!r}, sections={[*self.sections]})"

    def save(self, path: str | PathLike) -> None:
        """Write the page, and its pictures into the same folder.

        The name of a picture begins with that of the page: ``card.md`` has
        ``card_confusion_matrix.png``. An error or Ctrl-C leaves the old files, or none.

        Parameters
        ----------
        path : str or path-like
            Path of the page, by convention with the ending ``.md``.

        Raises
        ------
        FileNotFoundError
            If the folder does not exist.
        IsADirectoryError
            If the path is a folder.
        OSError
            If a file cannot be written, as on a full disk, or the path is a device or a named pipe.
        """
        path = resolve_output(path)
        names = {name: f"{path.stem}_{name}" for name in self.pictures}
        # Names of files may contain bytes that are not text.
        links = {name: quote(os.fsencode(file)) for name, file in names.items()}
        page = f"{self._link_pictures(links)}\n".encode(errors="replace")
        pictures = {path.with_name(names[name]): data for name, data in self.pictures.items()}
        # The page gets its name last, because it links to the pictures.
        with interrupts_deferred():
            write_files({**pictures, path: page})

    def _repr_markdown_(self) -> str:
        """Return the page with its pictures inside, for notebooks."""
        return self._link_pictures({name: as_uri(self.pictures[name]) for name in self.pictures})

    def _link_pictures(self, links: dict[str, str]) -> str:
        """Return the page with links to pictures instead of their names."""
        page = str(self)
        for name, link in links.items():
            # Labels are escaped, so that a link in one of them stays text.
            page = re.sub(rf"(?<!\\)\]\({re.escape(name)}\)", f"]({link})", page)
        return page
