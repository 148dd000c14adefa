"""The operator's PrometheusRules, made from prometheus/*.yml: `python -m tests.deploy.prometheus_rules` writes them anew."""

from pathlib import Path
from textwrap import indent
from typing import Final

_FOLDER: Final = Path("deploy/kubernetes/components/prometheus-operator")

#: Each PrometheusRule and the rule file that it is made from.
SOURCES: Final = {_FOLDER / f"{name}.yaml": Path(f"prometheus/{name}.yml") for name in ("alerts", "rules")}

_HEAD: Final = """\
# Made from {source} by `make kubernetes`: edit that file, not this one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: atess-exporter-{name}
  labels:
    app.kubernetes.io/name: atess-exporter
    app.kubernetes.io/component: exporter
spec:
"""


def prometheus_rule(source: Path) -> str:
    """The rule file `source` as a PrometheusRule, with its comments."""
    return _HEAD.format(source=source, name=source.stem) + indent(source.read_text(encoding="utf-8"), "  ")


if __name__ == "__main__":
    for target, source in SOURCES.items():
        target.write_text(prometheus_rule(source), encoding="utf-8")
