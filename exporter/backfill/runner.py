"""One run of a backfill: read what is missing with several threads, then write what was read."""

import os
import shutil
import signal
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path

import structlog

from exporter.api.inferred_paths import ENOUGH_DEVICES, InferredPaths
from exporter.api.rate_limiter import Closed
from exporter.api.session import open_session
from exporter.backfill.fetch import Exhausted, Fetcher, NotThere, SourceFailed
from exporter.backfill.output import Families, sync_folder, write_days, write_file
from exporter.backfill.plan import BackfillError, BackfillPlan, Source
from exporter.backfill.progress import Progress
from exporter.backfill.report import describe_failures, describe_loss, log_notes, lost_rows
from exporter.backfill.spill import Spill
from exporter.backfill.window import read_window
from exporter.catalogue.types import Device, HelpTexts
from exporter.clock import Clock
from exporter.config.load import Config
from exporter.config.schema import EVERYTHING
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series
from exporter.process.signals import Signals

_log = structlog.get_logger()


class BackfillRun:
    """Reads the history of a plan into a spill, and writes it to `output` once all of it is there."""

    def __init__(
        self,
        config: Config,
        plan: BackfillPlan,
        spill: Spill,
        clock: Clock,
        output: Path,
        labels: Mapping[str, str],
        *,
        split_by_day: bool,
    ) -> None:
        api = config.api
        self._config = config
        self._plan = plan
        self._spill = spill
        self._output = output
        self._labels = labels
        self._split_by_day = split_by_day
        self._session = open_session(api, config.token, clock, api.requests_per_minute)
        self._session.circuit_breaker.configure(len(plan.sources))
        self._progress = Progress(plan, spill, clock, lambda: self._session.rate_limiter.requests_per_minute)
        self._dropped_fields = DroppedFields(self._session.metrics)
        self._fetcher = Fetcher(self._session, plan, config.kinds, self._progress.asked)
        self._lock = threading.Lock()
        self._failed: dict[Source, str] = {}
        self._exhausted: list[Source] = []
        self._inferred_paths = InferredPaths("history_path")
        for source in plan.sources:
            if self._progress.complete[source]:
                self._inferred_paths.record_answer(source.path)

    def run(self) -> int:
        """Read what is missing, then write all. Return the exit code. Raises BackfillError."""
        self._signals = Signals(signal.SIGTERM, signal.SIGINT)
        try:
            if complete := sum(map(len, self._progress.complete.values())):
                _log.info("resuming an earlier run", windows=complete)
            _log.info("reading history", devices=len(self._plan.sources), windows=self._progress.windows_left)
            with self._progress.display():
                self._read(self._plan.sources)
                # a second round for devices that failed while the API had a bad time
                again, self._exhausted = self._exhausted, []
                for source in again:
                    del self._failed[source]
                self._read(again)
            log_notes(self._spill, self._plan.sources)
            lost = self._find_losses()
            if self._failed:
                raise BackfillError(describe_failures(self._failed, len(self._plan.sources), lost))
            self._write()
        except Closed:
            _log.warning("backfill stopped, run it again with the same arguments to resume")
            return 128 + (self._signals.ending or 0)
        finally:
            self._signals.restore()
            self._session.close()
        return 0

    def _read(self, sources: Sequence[Source]) -> None:
        """Read the windows of `sources` that are not complete. Raises Closed and BackfillError."""
        complete = self._progress.complete
        windows = range(len(self._plan.windows))
        jobs = [(source, index) for source in sources for index in windows if index not in complete[source]]
        # its threads are daemons: a request that is under way does not hold up the end of the process
        with ThreadPool(self._config.api.concurrency) as pool:
            result = pool.starmap_async(self._read_window, jobs, chunksize=1)
            while not result.ready():
                if self._signals.ending is not None:
                    self._session.rate_limiter.close()
                    raise Closed
                result.wait(0.2)
                self._progress.update()
            # raises what the first window raised
            result.get()

    def _read_window(self, source: Source, index: int) -> None:
        if source in self._failed:
            return
        fields = self._config.fields.get(source.type, EVERYTHING)
        try:
            samples = read_window(self._fetcher, self._spill, self._plan, source, index, fields)
        except SourceFailed as error:
            self._fail(source, error)
        except Closed:
            pass
        except Exception:
            # the others need not go on
            self._session.rate_limiter.close()
            raise
        else:
            self._inferred_paths.record_answer(source.path)
            self._progress.add_window(source, index, samples)

    def _fail(self, source: Source, error: SourceFailed) -> None:
        """Give up a device for this run, and with it all of its path if that was inferred and is not found."""
        with self._lock:
            if source in self._failed:
                return
            self._failed[source] = str(error)
            if isinstance(error, Exhausted):
                self._exhausted.append(source)
            _log.warning("reading history failed", device_sn=source.sn, type=source.type, error=str(error))
            if not isinstance(error, NotThere):
                return
            alike = [other for other in self._plan.sources if other.path == source.path]
            if self._inferred_paths.record_not_found(source.type, source.path, source.sn, min(ENOUGH_DEVICES, len(alike))):
                self._failed.update(dict.fromkeys((other for other in alike if other not in self._failed), str(error)))

    def _find_losses(self) -> int:
        """Mark devices as failed whose rows were all dropped, for the next run to read again. Return how many rows were."""
        lost = lost_rows(self._spill, [source for source in self._plan.sources if source not in self._failed])
        for source, rows in lost.items():
            self._failed[source] = describe_loss(rows)
            self._spill.reopen(source)
        return sum(rows.total() for rows in lost.values())

    def _write(self) -> None:
        helps = HelpTexts(self._config.types.values())
        series = Series(metric_name, helps.of, helps.known)
        written = 0

        def count(samples: int) -> None:
            nonlocal written
            written += samples
            if self._signals.ending is not None:
                raise Closed

        families = Families(self._spill, self._plan.sources, series, count, self._labels)
        for source, name, cause in families.dropped:
            device = Device(source.type, source.sn, source.path.path, source.path.evidence, 0.0)
            self._dropped_fields.report(device, [(name, cause)])
        _log.info("writing samples", output=str(self._output), families=len(families.headers), samples=self._spill.samples)
        target = self._spill.folder / "output"
        _remove(target)
        (write_days if self._split_by_day else write_file)(target, families)
        if self._output.is_dir():
            # left by a run that was killed between here and remove(): a folder is not replaced unless it is empty
            _remove(self._output)
        os.replace(target, self._output)
        sync_folder(self._output.parent)
        self._spill.remove()
        _log.info("backfill written", output=str(self._output), samples=written)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
