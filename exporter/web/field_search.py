"""A search within the fields and settings of one device."""

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.polling.status import DeviceStatus, FieldValue
from exporter.web.formatting import number, short


@dataclass(frozen=True, slots=True)
class FieldSearch:
    """What a device has of the fields, fields with text and settings whose rows hold every word of `text`."""

    text: str
    fields: Sequence[FieldValue]
    texts: Sequence[tuple[str, str]]
    settings: Sequence[FieldValue]

    @classmethod
    def of(cls, device: DeviceStatus, text: str) -> "FieldSearch":
        """Return what is found in the device; everything for an empty text."""
        words = text.casefold().split()

        def found(row: str) -> bool:
            return all(word in row for word in words)

        return cls(
            text.strip(),
            [field for field in device.fields if found(_row(field))],
            [pair for pair in device.texts if found(" ".join(pair).casefold())],
            [setting for setting in device.settings if found(_row(setting))],
        )


def _row(field: FieldValue) -> str:
    """Return what the row of a field shows, as a search reads it; its value whole and rounded."""
    meaning = field.known.meaning if field.known else None
    shown = (field.field, field.metric, meaning, number(field.value), short(field.value), field.word, field.unit)
    return " ".join(part for part in shown if part).casefold()
