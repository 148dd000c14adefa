"""What each device type's reading holds, made from a `Measurement`.

Field names and JSON types are the documented ones wherever they are known. What a value means is made up wherever it is
not, and so is every unit: powers are watts here, the real API does not say.
"""

from collections.abc import Callable, Mapping

from exporter.simulator.answer import Reading
from exporter.simulator.fields.bms import bcu, mbms
from exporter.simulator.fields.hps import hps_central, hps_string
from exporter.simulator.fields.pbd import pbd
from exporter.simulator.fields.pcs import pcs
from exporter.simulator.plant import Measurement

READINGS: Mapping[str, Callable[[Measurement], Reading]] = {
    "pbd": pbd,
    "pcs": pcs,
    "hps_central": hps_central,
    "hps_string": hps_string,
    "bcu": bcu,
    "mbms": mbms,
}
