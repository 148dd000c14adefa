"""The fault words of a type: those of the catalogue with what the config corrects and adds."""

from collections.abc import Mapping

from exporter.catalogue.faults import FaultWord, NamedBit
from exporter.catalogue.types import Evidence, load_fault_groups
from exporter.config.errors import Key, problem_at
from exporter.config.schema import FaultWordEntry
from exporter.config.yaml import YamlFile

#: Fields that say which device and when, whatever a user declares.
_NEVER_WORDS = frozenset({"deviceSn", "time"})


def fault_words(
    known: Mapping[str, FaultWord], entries: Mapping[str, FaultWordEntry | None], source: YamlFile, key: Key, problems: list[str]
) -> Mapping[str, FaultWord]:
    """Return the fault words by field. Add the mistakes in `entries`, which are at `key` in `source`, to `problems`."""

    def report(place: Key, problem: str) -> None:
        problems.append(problem_at(source, (*key, *place), problem))

    words = dict(known)
    for field, entry in entries.items():
        if entry is None:
            words.pop(field, None)
            continue
        if field in _NEVER_WORDS:
            report((field,), "expected a field that holds a number")
            continue
        before = known.get(field)
        if before is None and entry.word is None:
            report((field, "word"), "missing; a fault word of your own needs its number")
            continue
        given = entry.model_dump(exclude_none=True, exclude={"names"})
        names = {bit: NamedBit(**named.model_dump()) for bit, named in entry.names.items()}
        word = FaultWord.model_validate(
            {
                **(dict(before) if before else {}),
                **given,
                "evidence": Evidence.CONFIGURED,
                "names": {**(before.names if before else {}), **names},
            }
        )
        if word.group is not None and word.group not in load_fault_groups():
            report((field, "group"), f"expected one of {', '.join(load_fault_groups())}, got {word.group!r}")
            continue
        if word.bytes == "swapped" and word.bits % 8:
            report((field, "bits"), f"expected whole bytes (8, 16, 24, ...), as they are swapped; got {word.bits}")
        for bit in names:
            if not 0 <= bit < word.bits:
                report((field, "names", str(bit)), f"expected the number of a bit from 0 to {word.bits - 1}")
        words[field] = word
    fields: dict[int, str] = {}
    for field, word in words.items():
        other = fields.setdefault(word.word, field)
        if other != field:
            given_by_user = field if field in entries else other
            report((given_by_user, "word"), f"fault word {word.word} is {other if given_by_user == field else field} already")
    return words
