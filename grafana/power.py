"""Active powers: the reader says which unit they are in, and panels tell whether that fits."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from grafana.panels import Panel, Query, lines, verdict
from grafana.queries import reading, shown


def power_units() -> Sequence[models.VariableModel]:
    """Return what multiplies the API's active powers, so that Grafana writes W, kW or MW as it fits: ppv, and all others."""
    about = (
        "The vendor does not say in which unit the API gives active powers. Say here what you take its numbers for; they are "
        "then shown in W, kW or MW as it fits. The panel on the power unit compares them with voltage times current."
    )
    apart = f"{about} ppv has a choice of its own: on the sibling platform it is in W where the others are in kW."
    return [
        builders.CustomVariable(name)
        .label(label)
        .description(text)
        .values("kW : 1000,W : 1")
        .current(models.VariableOption(True, "kW", "1000"))
        .multi(False)
        .include_all(False)
        .build()
        for name, label, text in (("ppv", "The API's ppv is in", apart), ("power", "Its other powers are in", about))
    ]


def power(*fields: str, labels: str = "") -> str:
    """Return active power in watts, if the API's numbers are in the units that the variables say; that of ppv has its own."""
    return f"{'$ppv' if fields == ('ppv',) else '$power'} * {reading(*fields, labels=labels)}"


#: Voltage and current of the battery; a PCS has names of its own for them.
BATTERY_VOLTS: Final = ("vbat", "bvpv")
BATTERY_AMPERES: Final = ("ibat", "bipv")

#: The types of which it is known that `pac` is the battery's power.
PAC_OF_BATTERY: Final = 'type=~"hps_central|hps_string"'


def power_fits() -> Sequence[tuple[str, str]]:
    """Return names of powers, and for each its ratio to voltage times current: about 1 where its unit is chosen rightly.

    What flows only a little is missing: its current is rounded.
    """
    pv = f"(abs({reading('vpv')}) * ({reading('ipv')} > 1))"
    battery = f"({reading(*BATTERY_VOLTS)} * (abs({reading(*BATTERY_AMPERES)}) > 1))"
    load = f"(3 * {reading('vpvun', 'vpvuv')} * ({reading('loadIa')} > 1))"
    output = f"({reading('outv')} * ({reading('outi')} > 1))"
    of_battery = f"({power('pacToBattery', 'pcsBatChargingPower')} or {power('pac', labels=PAC_OF_BATTERY)})"
    return (
        ("ppv", f"{power('ppv')} / {pv}"),
        ("ppv1", f"{power('ppv1')} / {pv}"),
        ("battery power", f"(abs({of_battery}) > 0) / {battery}"),
        ("loadActivePower", f"{power('loadActivePower')} / {load}"),
        ("outPower", f"{power('outPower')} / {output}"),
    )


def fits_of_all() -> Panel:
    """Return whether the chosen units fit the devices together."""
    return verdict(
        "Does the power unit fit?",
        "For each power whose voltage and current are known, which are in volts and amperes: the median over devices of the "
        "power, in the unit that you chose above, divided by voltage times current. About 1 where the choice is right; wiring "
        "may make it a few times more or less, but not 1,000. ppv has a choice of its own, all others share one. The last of "
        "the time shown, since there is nothing to compare where nothing flows.",
        [Query(f"quantile (0.5, {ratio})", name) for name, ratio in power_fits()],
        ((None, 0.03, "no: choose kW", "red"), (0.03, 30, "yes", "green"), (30, None, "no: choose W", "red")),
        "Nothing flowed yet",
        width=24,
    )


def fits_of_each() -> Panel:
    """Return how well the chosen units fit each device."""
    return lines(
        "Does the power unit fit?",
        "For each power whose voltage and current are known, which are in volts and amperes: the power, in the unit that you "
        "chose above, divided by voltage times current. Between the dashed lines the choice is right; above them choose W, "
        "below them kW. A factor of a few is a matter of how things are wired.",
        "none",
        [Query(shown(ratio), f"{{{{type}}}} {{{{deviceSn}}}} {name}") for name, ratio in power_fits()],
        width=24,
        none="The chosen devices do not report this",
        steps=((None, "green"), (0.03, "red"), (30, "red")),
        logarithmic=True,
    )
