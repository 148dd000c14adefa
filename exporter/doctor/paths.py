"""Whether each path answers: the latest readings by type, and the settings. Lists and history have modules of their own."""

from collections.abc import Iterator

from exporter.api.errors import ApiError, EnercloError, HttpStatus, InvalidPayload, NotFound, Unauthorized
from exporter.api.reading import Reading
from exporter.catalogue.remedies import remedy_for
from exporter.catalogue.types import ApiPath, DeviceType, Evidence
from exporter.doctor.check import Check, Outcome, counted, listed
from exporter.doctor.exchange import Exchange, Subject
from exporter.doctor.observations import CANDIDATE, LATEST, Observations

#: The config's key for the path of each subject.
KEYS = {
    Subject.READING: "path",
    Subject.HISTORY: "history_path",
    Subject.LIST: "list_path",
    Subject.SETTINGS: "settings_path",
}


def check(seen: Observations) -> Iterator[Check]:
    """Yield a check for the readings of each type, and for its settings."""
    for known in seen.types:
        yield _readings(seen, known)
    if not seen.plan.options.quick:
        for known in seen.types:
            if known.paths.settings is not None:
                yield optional_path(seen, known, Subject.SETTINGS, known.paths.settings)


def _readings(seen: Observations, known: DeviceType) -> Check:
    path = known.paths.realtime
    name = f"reading {known.type}"
    asked = seen.of(Subject.READING, known.type, LATEST)
    if not asked:
        return Check(name, Outcome.SKIP, "not asked" + (f": {seen.stopped}" if seen.stopped else ""))
    good = list(seen.good(known.type))
    sns = {exchange.sn for exchange in asked}
    times = [exchange.seconds for exchange, _ in good]
    failed = _failures(seen, asked, {exchange.sn for exchange, _ in good})
    if good and (found := next((exchange.path for exchange, _ in good if exchange.path != path.path), None)):
        text = f"{path.path} is not found, but {found} answers for {len(good)} of {counted(len(sns), 'device')}"
        return Check(
            name,
            Outcome.FAIL,
            text,
            f"Put this into the config: types: {{{known.type}: {{path: {found}}}}}",
            settles={f"path.{known.type}.reading": f"{found}, not {path.path}"},
            config={("types", known.type, "path"): found},
        )
    if good and not failed:
        how = " or ".join(sorted({exchange.answer for exchange, _ in good}))
        text = f"{path.path} ({path.evidence.words}) answers {how} for {counted(len(good), 'device')}, in {_range(times)} s"
        return Check(name, Outcome.OK, text, settles={f"path.{known.type}.reading": f"{path.path} answers"})
    causes = "; ".join(f"{listed(sns)}: {why}" for why, sns in failed.items())
    if good:
        text = f"{path.path} answers for {len(good)} of {counted(len(sns), 'device')}; {causes}"
        remedy = _device_remedy(asked, seen, known)
        return Check(name, Outcome.FAIL, text, remedy, settles={f"path.{known.type}.reading": f"{path.path} answers"})
    return Check(name, Outcome.FAIL, f"{path.path} ({path.evidence.words}): {causes}", _path_remedy(seen, known, path, asked))


def _failures(seen: Observations, asked: list[Exchange], good: set[str]) -> dict[str, list[str]]:
    """Return the devices without a usable reading, by why."""
    found: dict[str, list[str]] = {}
    for exchange in asked:
        reading = seen.reading(exchange)
        if exchange.sn not in good and not isinstance(reading, Reading):
            found.setdefault(reading, []).append(exchange.sn)
    return {why: list(dict.fromkeys(sns)) for why, sns in found.items()}


def _device_remedy(asked: list[Exchange], seen: Observations, known: DeviceType) -> str:
    for exchange in asked:
        if isinstance(exchange.error, Unauthorized):
            return "Ask the vendor to give this account access to the devices that are refused, or remove them from the config."
        if isinstance(exchange.error, NotFound):
            return "Check the serial numbers of the devices that are not found, and whether they are of another type."
        if isinstance(seen.reading(exchange), str) and exchange.error is None:
            return "Look in the vendor's app whether these devices ever uploaded anything."
    return general_remedy(next((exchange.error for exchange in asked if exchange.error), None))


def _path_remedy(seen: Observations, known: DeviceType, path: ApiPath, asked: list[Exchange]) -> str:
    error = asked[-1].error
    inferred = path.evidence is Evidence.INFERRED
    if not isinstance(error, NotFound | ApiError) and not (inferred and isinstance(error, HttpStatus) and error.status >= 400):
        return _device_remedy(asked, seen, known)
    if not inferred:
        others = ", ".join(name for name in seen.config.types if name != known.type)
        return remedy_for(NotFound.reason, type=known.type, others=others)
    if not seen.plan.options.try_paths:
        return "The path is only inferred: run doctor again with --try-paths, which asks the other candidates."
    tried = listed([exchange.path for exchange in seen.of(Subject.READING, known.type, CANDIDATE)])
    return (
        f"No candidate answers either ({tried}): check serial numbers and type, and ask the vendor for the path of the latest "
        f"reading; it goes into types: {{{known.type}: {{path: ...}}}}"
    )


def general_remedy(error: EnercloError | None) -> str:
    """Return what to do about a failure that is not the path's nor the device's."""
    if error is None:
        return "Run doctor again later."
    words = remedy_for(error.reason, str(error))
    misled = isinstance(error, InvalidPayload) or (isinstance(error, HttpStatus) and error.status < 500)
    return words if misled else f"Run doctor again later. {words}"


def optional_path(seen: Observations, known: DeviceType, subject: Subject, path: ApiPath) -> Check:
    """Return a check of a path that the exporter can do without."""
    name = f"{subject} {known.type}"
    key = KEYS[subject]
    asked = seen.of(subject, known.type)
    if not asked:
        return Check(name, Outcome.SKIP, "not asked" + (f": {seen.stopped}" if seen.stopped else ", no device answers"))
    good = [exchange for exchange in asked if seen.answers(exchange)]
    fact = f"path.{known.type}.{subject}"
    if good and all(exchange.path == path.path for exchange in good):
        return Check(name, Outcome.OK, f"{path.path} ({path.evidence.words}) answers", settles={fact: f"{path.path} answers"})
    if good:
        found = good[-1].path
        remedy = f"Put this into the config: types: {{{known.type}: {{{key}: {found}}}}}"
        text = f"{path.path} is not found, but {found} answers"
        return Check(
            name,
            Outcome.WARN,
            text,
            remedy,
            settles={fact: f"{found}, not {path.path}"},
            config={("types", known.type, key): found},
        )
    first = asked[0]
    text = f"{path.path} ({path.evidence.words}): {first.answer if first.error else 'not what is documented'}"
    if not isinstance(first.error, NotFound | HttpStatus | ApiError):
        return Check(name, Outcome.WARN, text, general_remedy(first.error))
    if path.evidence is Evidence.INFERRED and path.candidates and not seen.plan.options.try_paths:
        return Check(name, Outcome.WARN, text, "Run doctor again with --try-paths, which asks the other candidates.")
    remedy = f"The exporter does without; ask the vendor for the path, it goes into types: {{{known.type}: {{{key}: ...}}}}"
    return Check(name, Outcome.WARN, text, remedy)


def _range(seconds: list[float]) -> str:
    low, high = f"{min(seconds):.2g}", f"{max(seconds):.2g}"
    return low if low == high else f"{low} to {high}"
