"""The faults that devices report, and numbers that cannot be."""

from typing import Final

from grafana.frame import Annotation, Section
from grafana.panels import Query, lines
from grafana.queries import DEVICES, about, each, impossible, shown, source
from grafana.tables import DEVICE, Column, Label, rows
from grafana.words import SEVERITIES, fault_texts

#: The active faults, one series each.
FAULTS: Final = each(f"atess_device_fault_active{{{DEVICES}}}", ", fault, severity, code")

#: The faults that were not there in the quarter of an hour that ended five minutes ago. So long, because a restart of the
#: exporter is no new fault.
NEW_FAULTS: Final = (
    f"{FAULTS} unless on (type, deviceSn, code) last_over_time(atess_device_fault_active{{{DEVICES}}}[15m] offset 5m)"
)


def with_meaning(expression: str) -> str:
    """Return series of faults with a label `meaning`, by which they find their texts."""
    return f'label_join({expression}, "meaning", " ", "severity", "fault")'


#: Marks of new faults: by device, and by fault, since without the grid a thousand devices say so at once.
NEW_OF_EACH: Final = Annotation(
    "New faults", shown(NEW_FAULTS), "dark-orange", "{{type}} {{deviceSn}}: {{fault}} ({{severity}}, {{code}})"
)
NEW_OF_ALL: Final = Annotation(
    "New faults", f"count by (fault, severity) ({NEW_FAULTS})", "dark-orange", "{{fault}} ({{severity}})"
)


_FAULT: Final = (
    Label("severity", "Severity", SEVERITIES),
    Label("fault", "Fault"),
    Label("meaning", "What it means", fault_texts(), others="Nobody has described it"),
)


def faults_of_all() -> Section:
    """Return the panels about the faults of all devices together."""
    return "Faults", [
        rows(
            "Faults now",
            "The faults that devices report now, those of the most devices first, up to 25. What a fault means is from the "
            "vendor's device protocol; unknown is a bit that nobody has described. The Device dashboard says who has which.",
            [Column("Devices", with_meaning(f"topk (25, count by (fault, severity) ({FAULTS}))"))],
            _FAULT,
            none="No faults",
            width=16,
            worst_first="Devices",
        ),
        lines(
            "Faults by severity",
            "How many faults were active, all devices together.",
            "none",
            [Query(f"sum by (severity) ({FAULTS})", "{{severity}}")],
            width=8,
            height=9,
            low=0,
            stacked=True,
            none="No faults",
        ),
    ]


def faults_of_each(doubted: tuple[str, ...]) -> Section:
    """Return the panels about the faults of each device, and about numbers of the `doubted` fields that cannot be."""
    return "Faults", [
        rows(
            "Active faults",
            "Up to 25 faults that the chosen devices report. What a fault means is from the vendor's device protocol; unknown is "
            "a bit that nobody has described. The code is word.bit there.",
            [Column("Active", with_meaning(f"topk (25, {shown(FAULTS)})"), hidden=True)],
            [*DEVICE, Label("code", "Code"), *_FAULT],
            none="No faults",
        ),
        lines(
            "Number of faults",
            "How many faults were active. Of devices that report fault words only.",
            "none",
            [Query(shown(about("atess_device_faults")), "{{type}} {{deviceSn}}")],
            low=0,
            none="No fault words",
        ),
        rows(
            "Numbers that cannot be",
            "What the chosen devices report now and cannot be: a temperature of 6523.6 is a wrapped -30.0, and -1 is mostly no "
            f"data. The panels here leave such numbers out; /metrics has them. {source(*doubted, bounded=False)}",
            [Column("Number", f"topk (25, {shown(impossible(*doubted))})")],
            [*DEVICE, Label("field", "Metric")],
            none="None",
            width=12,
            height=8,
        ),
    ]
