"""The documents that the stress run reads: text files, read from disk each time."""

import os
import stat
import sysconfig
from pathlib import Path
from typing import NamedTuple

from bytebound.cli.errors import UsageError

MAX_DOCUMENTS = 20_000
MAX_DOCUMENT_NBYTES = 1 << 20
MAX_MESSAGE_LENGTH = 2000

_SKIPPED_FOLDERS = {"__pycache__", "site-packages", "dist-packages"}


class Corpus(NamedTuple):
    """A folder, and the paths of the documents in it."""

    root: Path
    names: list[str]

    def read(self, index: int) -> str:
        """Read a document; one that has gone since is empty."""
        try:
            with (self.root / self.names[index]).open("rb") as file:
                return file.read(MAX_DOCUMENT_NBYTES).decode("utf-8", "replace")
        except OSError:
            return ""


def find_corpus(folder: Path | None = None) -> Corpus:
    """List the text files below a folder, in an order that is always the same.

    Parameters
    ----------
    folder : Path, optional
        Where to look. Left out: the Python sources of the running standard library.

    Raises
    ------
    UsageError
        If the folder cannot be listed, or has no text in it.
    """
    root = Path(sysconfig.get_path("stdlib")) if folder is None else folder
    try:
        os.scandir(root).close()
    except OSError as error:
        raise UsageError(f"--corpus: {root}: {error.strerror}") from None
    suffix = ".py" if folder is None else ""
    names: list[str] = []
    for parent, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in _SKIPPED_FOLDERS and name[0] != "."
        )
        paths = [Path(parent, name) for name in sorted(files) if name.endswith(suffix)]
        names += [str(path.relative_to(root)) for path in paths if _is_text(path)]
        if len(names) >= MAX_DOCUMENTS:
            break
    if not names:
        raise UsageError(f"--corpus: there is no text file in {root}")
    return Corpus(root, names[:MAX_DOCUMENTS])


def _is_text(path: Path) -> bool:
    """Tell text from binary files by their beginning, and leave pipes and devices alone."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            start = file.read(1024)
    except OSError:
        return False
    return bool(start.strip()) and b"\0" not in start


def split_messages(text: str) -> list[str]:
    """Split a document into messages: neighbouring paragraphs up to a length, or parts of one.

    Examples
    --------
    >>> split_messages("One.\\n\\nTwo.\\n\\n" + "x" * 3000)
    ['One.\\n\\nTwo.', 'xxx...', 'xxx...']
    """
    messages: list[str] = []
    current = ""
    for paragraph in text.split("\n\n"):
        for start in range(0, len(paragraph), MAX_MESSAGE_LENGTH):
            part = paragraph[start : start + MAX_MESSAGE_LENGTH]
            if current and len(current) + len(part) + 2 > MAX_MESSAGE_LENGTH:
                messages.append(current)
                current = ""
            current = f"{current}\n\n{part}" if current else part
    if current:
        messages.append(current)
    return messages
