"""The settings that a device answers with. They never change.

BCU: exactly the names that the vendor documents. The others are made up by analogy, for the vendor's pages that are known
say only that HPS settings mix numbers with text such as `08:30`, and name one: `valleyPeriodTime5`.
"""

from exporter.simulator.answer import Reading

_BCU = {
    "batCellNumber": 24,
    "batPackNumber": 8,
    "cellFullChargeVoltage": 3.6,
    "cellFullDischargeVoltage": 2.8,
    "chargingCurrentCalibrationDenominator": 1000,
    "chargingCurrentCalibrationNumerator": 1000,
    "currentCalibrationEnable": 0,
    "currentRatio": 1,
    "dischargingCurrentCalibrationDenominator": 1000,
    "dischargingCurrentCalibrationNumerator": 1000,
    "pasBalWaitTimeHour": 2,
}
# Each stem's limit at the levels 1, 2 and 3: V, A or degrees C.
_LIMITS = {
    "CellVoltHigh": (3.55, 3.6, 3.65),
    "CellVoltLow": (2.9, 2.8, 2.6),
    "ChargeCurrHigh": (110, 120, 130),
    "ChargeTEMPHigh": (45, 50, 55),
    "ChargeTEMPLow": (5, 2, 0),
    "DischargeCurrHigh": (110, 120, 130),
    "DischargeTEMPHigh": (50, 55, 60),
    "DischargeTEMPLow": (-10, -15, -20),
}
_LEVELS = ((1, "Warning"), (2, "Fault"), (3, "Protection"))


def settings(device_type: str) -> Reading:
    """Return the settings of a device of this type."""
    if device_type == "bcu":
        return _bcu()
    if device_type == "mbms":
        return {"bcuNumber": 2, "communicationAddress": 1}
    if device_type in ("hps_central", "hps_string"):
        return _hps()
    return {"maxChargeCurr": 120, "maxDischargeCurr": 120, "systemNo": 1, "startTime": "06:00"}


def _bcu() -> Reading:
    limits = {f"level{level}{stem}{end}": values[level - 1] for level, end in _LEVELS for stem, values in _LIMITS.items()}
    return dict(sorted((_BCU | limits).items()))


def _hps() -> Reading:
    periods = {
        f"{kind}PeriodTime{number}": f"{first + number:02d}:30"
        for kind, first in (("peak", 16), ("valley", 3))
        for number in range(1, 6)
    }
    return {"gridMaxPower": 50, "maxChargeCurr": 120.5, "maxDischargeCurr": 120, **periods, "workMode": 2}
