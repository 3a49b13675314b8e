"""A folder of results that says what they were made by, so that a later run goes on with them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from e2ec.app.predict.made_by import MadeBy, differences
from lib.errors import InputError
from lib.files import atomic_write_json, read_json, remove_temporaries
from lib.folder_lock import FolderLock


class ResultFolder:
    """A folder that one process writes the results of one format into.

    `.predict-FORMAT.json` says what they depend on. Names of images never begin with a full stop,
    so that no result is called like that.
    """

    def __init__(self, folder: Path, format: str, made: MadeBy) -> None:
        self.folder = folder
        self._record = folder / f".predict-{format}.json"
        self._made = dict(made)
        self._lock = FolderLock(folder, remedy="wait for it, or choose another --out")

    def open(self, files: Iterable[Path], *, overwrite: bool) -> None:
        """Take the folder for this process.

        Args:
            files: all that may be written; they go with `overwrite`, and none of them may be there
                where no earlier run has been.
            overwrite: begin anew.

        Raises:
            InputError: another process writes here, the folder cannot be written, or what is there
                was predicted in another way.
        """
        self._lock.__enter__()
        try:
            files = list(files)
            remove_temporaries(*{self.folder, *(file.parent for file in files)})
            self._look(files, overwrite)
        except BaseException:
            self._lock.__exit__()
            raise

    def close(self) -> None:
        """Let others write here."""
        self._lock.__exit__()

    def _look(self, files: list[Path], overwrite: bool) -> None:
        known = self._record.is_file()
        if known and not overwrite:
            record = read_json(self._record)
            before = record.get("made_by") if isinstance(record, dict) else None
            if changed := differences(self._made, before):
                raise InputError(
                    f"{self.folder}: holds results of other {' and '.join(changed)}; give the same "
                    "to go on, --overwrite to begin anew, or another --out"
                )
            return
        there = next((file for file in files if file.exists()), None)
        if there is not None and not overwrite:
            raise InputError(
                f"{there}: is there already, and not from this command; choose another --out, or "
                "give --overwrite"
            )
        # In this order: what is left where this stops is never taken for new results.
        self._record.unlink(missing_ok=True)
        for file in files:
            file.unlink(missing_ok=True)
        atomic_write_json(self._record, {"made_by": self._made})
