"""What was read so far, on disk: the pages of windows in progress, the columns of windows that are complete.

One SQLite file in a folder beside the output. Each page is committed before the next one is requested, and a window's pages are
replaced by columns in one transaction. So a run may be killed at any moment, and the next one goes on from there.
"""

import json
import pickle
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from exporter.backfill.plan import BackfillError, Source
from exporter.backfill.rows import HistoryPage

#: The samples of one field: Unix times in seconds, and the values.
SampleColumn = tuple[list[int], list[int | float]]

#: The file's name.
SPILL_FILE: Final = "spill.sqlite"

#: The layout of the file.
_FORMAT: Final = "4"

#: In exclusive mode the first access locks the file until it is closed. A power cut may lose the last commits, but never half of
#: one. The write-ahead log is moved into the file every 16384 pages of 4 KiB.
_SCHEMA: Final = """
PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 16384;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pages (source TEXT, window INTEGER, pass INTEGER, page INTEGER, data BLOB,
    UNIQUE (source, window, pass, page));
CREATE TABLE IF NOT EXISTS windows (source TEXT, window INTEGER, samples INTEGER, notes TEXT, UNIQUE (source, window));
CREATE TABLE IF NOT EXISTS columns (source TEXT, field TEXT, window INTEGER, position INTEGER, data BLOB,
    UNIQUE (source, field, window, position));
"""


class Spill:
    """The spill in `folder`. Safe to use from several threads, by one process at a time.

    `facts` must be those of the run that it is from. Raises BackfillError if they are not, or if another process has it open.
    """

    def __init__(self, folder: Path, facts: Mapping[str, str]) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / SPILL_FILE
        self._db = sqlite3.connect(file, timeout=0, isolation_level="IMMEDIATE", check_same_thread=False)
        try:
            self._db.executescript(_SCHEMA)
            if not file.exists():
                # the run that had it open is done, and has removed the folder
                raise _in_use(folder)
            self._check({"format": _FORMAT, **facts})
        except sqlite3.OperationalError as error:
            self.close()
            raise _in_use(folder) if error.sqlite_errorcode == sqlite3.SQLITE_BUSY else error from None
        except BaseException:
            self.close()
            raise

    @property
    def samples(self) -> int:
        """Return the number of samples in all complete windows."""
        return int(self._rows("SELECT coalesce(sum(samples), 0) FROM windows")[0][0])

    def complete_windows(self, source: Source) -> set[int]:
        """Return the indices of a source's complete windows."""
        return {window for (window,) in self._rows("SELECT window FROM windows WHERE source = ?", _key(source))}

    def pages(self, source: Source, window: int) -> list[list[HistoryPage]]:
        """Return the pages of a window in progress, by passes."""
        query = "SELECT pass, data FROM pages WHERE source = ? AND window = ? ORDER BY pass, page"
        passes: dict[int, list[HistoryPage]] = {}
        for number, data in self._rows(query, _key(source), window):
            passes.setdefault(number, []).append(pickle.loads(data))  # noqa: S301 - our own file
        return list(passes.values())

    def add_page(self, source: Source, window: int, place: tuple[int, int], page: HistoryPage) -> None:
        """Keep a page of a window in progress. `place` is the number of its pass, and its own in that."""
        data = pickle.dumps(page)
        with self._lock, self._db:
            self._db.execute("INSERT INTO pages VALUES (?, ?, ?, ?, ?)", [_key(source), window, *place, data])

    def finish(self, source: Source, window: int, columns: Mapping[str, SampleColumn], notes: Mapping[str, int]) -> int:
        """Replace the pages of a window by its columns, with `notes` on its rows. Return the number of its samples."""
        key = _key(source)
        rows = [(key, name, window, position, pickle.dumps(column)) for position, (name, column) in enumerate(columns.items())]
        samples = sum(len(times) for times, _ in columns.values())
        with self._lock, self._db:
            self._db.executemany("INSERT INTO columns VALUES (?, ?, ?, ?, ?)", rows)
            self._db.execute("INSERT INTO windows VALUES (?, ?, ?, ?)", [key, window, samples, json.dumps(notes)])
            self._db.execute("DELETE FROM pages WHERE source = ? AND window = ?", [key, window])
        return samples

    def forget(self, source: Source, window: int) -> None:
        """Delete the pages of a window in progress, so that it is read again."""
        with self._lock, self._db:
            self._db.execute("DELETE FROM pages WHERE source = ? AND window = ?", [_key(source), window])

    def reopen(self, source: Source) -> None:
        """Mark a source's complete windows as not read, so that they are read again. They must have no columns."""
        with self._lock, self._db:
            self._db.execute("DELETE FROM windows WHERE source = ?", [_key(source)])

    def fields(self, source: Source) -> list[str]:
        """Return the fields of a source, in the order in which they first came."""
        query = "SELECT field FROM columns WHERE source = ? GROUP BY field ORDER BY min(window * 65536 + position)"
        return [name for (name,) in self._rows(query, _key(source))]

    def columns(self, source: Source, field: str) -> Iterator[SampleColumn]:
        """Yield the columns of one field, window by window, with one in memory at a time. Nothing may be written meanwhile."""
        query = "SELECT data FROM columns WHERE source = ? AND field = ? ORDER BY window"
        for (data,) in self._db.execute(query, [_key(source), field]):
            yield pickle.loads(data)  # noqa: S301 - our own file

    def notes(self, source: Source) -> Counter[str]:
        """Return the sum of the notes of a source's complete windows."""
        notes: Counter[str] = Counter()
        for (text,) in self._rows("SELECT notes FROM windows WHERE source = ?", _key(source)):
            notes.update(json.loads(text))
        return notes

    def close(self) -> None:
        """Close and unlock the file, after a transaction in progress."""
        with self._lock:
            self._db.close()

    def remove(self) -> None:
        """Delete the folder, and only then unlock the file."""
        shutil.rmtree(self.folder)
        self.close()

    def _check(self, facts: Mapping[str, str]) -> None:
        kept = dict(self._rows("SELECT name, value FROM facts"))
        if not kept:
            with self._db:
                self._db.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())
        for name, value in facts.items():
            if kept and kept.get(name) != value:
                raise BackfillError(
                    f"{self.folder} is from a run with another {name}: {kept.get(name)}, now {value}; "
                    "use the same, name another --output, or delete that folder to start afresh"
                )

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()


def _key(source: Source) -> str:
    return json.dumps([source.type, source.sn, source.path.path])


def _in_use(folder: Path) -> BackfillError:
    return BackfillError(f"another run is using {folder}")
