"""What was read so far, on disk: the pages of windows in progress, the columns of windows that are complete.

One SQLite file in a folder beside the output. Each page is committed before the next one is requested, and a window's pages are
replaced by columns in one transaction. So a run may be killed at any moment, and the next one goes on from there.
"""

import fcntl
import json
import marshal
import os
import shutil
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from exporter.backfill.plan import Source
from exporter.backfill.rows import HistoryPage

#: The samples of one field: Unix times in seconds, and the values.
SampleColumn = tuple[list[int], list[int | float]]

#: The layout of the file, and the Python whose marshal wrote it.
_FORMAT: Final = f"2, Python {sys.version_info[0]}.{sys.version_info[1]}"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sources (id INTEGER PRIMARY KEY, type TEXT, sn TEXT, path TEXT, UNIQUE (type, sn, path));
CREATE TABLE IF NOT EXISTS pages (source INTEGER, window INTEGER, pass INTEGER, page INTEGER, data BLOB,
    UNIQUE (source, window, pass, page));
CREATE TABLE IF NOT EXISTS windows (source INTEGER, window INTEGER, samples INTEGER, notes TEXT, UNIQUE (source, window));
CREATE TABLE IF NOT EXISTS columns (source INTEGER, field TEXT, window INTEGER, position INTEGER, data BLOB,
    UNIQUE (source, field, window, position));
"""

#: Pages of 4 KiB after which SQLite moves its write-ahead log into the file.
_CHECKPOINT: Final = 16384


class SpillError(Exception):
    """The folder cannot be used: another run has it open, or it is from a run with other arguments."""


class Spill:
    """The spill in `folder`. Safe to use from several threads, by one process at a time.

    `facts` must be those of the run that it is from. Raises SpillError if they are not, or if another process has it open.
    """

    def __init__(self, folder: Path, facts: Mapping[str, str]) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._file_lock = _lock_folder(folder)
        self._db = sqlite3.connect(folder / "spill.sqlite", isolation_level=None, check_same_thread=False)
        try:
            # a power cut may lose the last commits, but never half of one
            self._db.executescript(
                f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = {_CHECKPOINT};"
            )
            self._db.executescript(_SCHEMA)
            self._check({"format": _FORMAT, **facts})
            known = self._db.execute("SELECT type, sn, path, id FROM sources")
            self._ids: dict[tuple[str, ...], int] = {(kind, sn, path): number for kind, sn, path, number in known}
        except (SpillError, sqlite3.Error):
            self.close()
            raise

    @property
    def samples(self) -> int:
        """Return the number of samples in all complete windows."""
        with self._lock:
            return int(self._db.execute("SELECT coalesce(sum(samples), 0) FROM windows").fetchone()[0])

    def complete_windows(self, source: Source) -> set[int]:
        """Return the indices of a source's complete windows."""
        with self._lock:
            return {window for (window,) in self._db.execute("SELECT window FROM windows WHERE source = ?", [self._id(source)])}

    def pages(self, source: Source, window: int) -> list[list[HistoryPage]]:
        """Return the pages of a window in progress, by passes."""
        with self._lock:
            rows = self._db.execute(
                "SELECT pass, data FROM pages WHERE source = ? AND window = ? ORDER BY pass, page", [self._id(source), window]
            ).fetchall()
        passes: dict[int, list[HistoryPage]] = {}
        for number, data in rows:
            passes.setdefault(number, []).append(HistoryPage.load(data))
        return list(passes.values())

    def add_page(self, source: Source, window: int, place: tuple[int, int], page: HistoryPage) -> None:
        """Keep a page of a window in progress. `place` is the number of its pass, and its own in that."""
        data = page.dump()
        with self._transaction():
            self._db.execute("INSERT INTO pages VALUES (?, ?, ?, ?, ?)", [self._id(source), window, *place, data])

    def finish(self, source: Source, window: int, columns: Mapping[str, SampleColumn], notes: Mapping[str, int]) -> int:
        """Replace the pages of a window by its columns, with `notes` on its rows. Return the number of its samples."""
        rows = [(name, position, marshal.dumps(column)) for position, (name, column) in enumerate(columns.items())]
        samples = sum(len(times) for times, _ in columns.values())
        with self._transaction():
            number = self._id(source)
            self._db.executemany(
                "INSERT INTO columns VALUES (?, ?, ?, ?, ?)",
                [(number, name, window, position, data) for name, position, data in rows],
            )
            self._db.execute("INSERT INTO windows VALUES (?, ?, ?, ?)", [number, window, samples, json.dumps(notes)])
            self._forget(number, window)
        return samples

    def forget(self, source: Source, window: int) -> None:
        """Delete the pages of a window in progress, so that it is read again."""
        with self._transaction():
            self._forget(self._id(source), window)

    def reopen(self, source: Source) -> None:
        """Mark a source's complete windows as not read, so that they are read again. They must have no columns."""
        with self._transaction():
            self._db.execute("DELETE FROM windows WHERE source = ?", [self._id(source)])

    def fields(self, source: Source) -> list[str]:
        """Return the fields of a source, in the order in which they first came."""
        with self._lock:
            found = self._db.execute(
                "SELECT field FROM columns WHERE source = ? GROUP BY field ORDER BY min(window * 65536 + position)",
                [self._id(source)],
            )
            return [name for (name,) in found]

    def columns(self, source: Source, field: str) -> Iterator[SampleColumn]:
        """Yield the columns of one field, window by window, with one in memory at a time."""
        window = -1
        while True:
            with self._lock:
                found = self._db.execute(
                    "SELECT window, data FROM columns WHERE source = ? AND field = ? AND window > ? ORDER BY window LIMIT 1",
                    [self._id(source), field, window],
                ).fetchone()
            if found is None:
                return
            window, data = found
            times, values = marshal.loads(data)  # noqa: S302 - our own file
            yield times, values

    def notes(self, source: Source) -> Counter[str]:
        """Return the sum of the notes of a source's complete windows."""
        with self._lock:
            found = self._db.execute("SELECT notes FROM windows WHERE source = ? AND notes != '{}'", [self._id(source)])
            notes: Counter[str] = Counter()
            for (text,) in found:
                notes.update(json.loads(text))
            return notes

    def close(self) -> None:
        """Close the file, after a transaction in progress, and unlock the folder."""
        with self._lock:
            self._db.close()
            self._file_lock.close()

    def remove(self) -> None:
        """Delete the folder and unlock it."""
        with self._lock:
            self._db.close()
            shutil.rmtree(self.folder)
            self._file_lock.close()

    def _check(self, facts: Mapping[str, str]) -> None:
        kept = dict(self._db.execute("SELECT name, value FROM facts"))
        if not kept:
            with self._transaction():
                self._db.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())
        for name, value in facts.items():
            if kept and kept.get(name) != value:
                raise SpillError(
                    f"{self.folder} is from a run with another {name}: {kept.get(name)}, now {value}; "
                    "use the same, name another --output, or delete that folder to start afresh"
                )

    def _id(self, source: Source) -> int:
        """Return the source's row id, inserting it if it is new. The lock must be held."""
        key = (source.type, source.sn, source.path.path)
        number = self._ids.get(key)
        if number is None:
            (number,) = self._db.execute("INSERT INTO sources (type, sn, path) VALUES (?, ?, ?) RETURNING id", key).fetchone()
            self._ids[key] = number
        return number

    def _forget(self, number: int, window: int) -> None:
        self._db.execute("DELETE FROM pages WHERE source = ? AND window = ?", [number, window])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _lock_folder(folder: Path) -> IO[Any]:
    """Create the folder if it is missing, and lock it for this process. Return the open lock file."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise SpillError(f"another run is using {folder}") from None
        try:
            if os.path.samestat(os.fstat(file.fileno()), os.stat(folder / "lock")):
                return file
        except FileNotFoundError:
            # the run that had the lock has removed the folder
            pass
        file.close()
