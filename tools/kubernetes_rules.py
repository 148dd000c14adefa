"""The operator's PrometheusRules, made from prometheus/*.yml: `python -m tools.kubernetes_rules` writes them anew."""

from pathlib import Path
from typing import Final

import yaml

_FOLDER: Final = Path("deploy/kubernetes/components/prometheus-operator")

#: Each PrometheusRule and the rule file that it is made from.
SOURCES: Final = {_FOLDER / f"{name}.yaml": Path(f"prometheus/{name}.yml") for name in ("alerts", "rules")}


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as it is: kustomize puts empty lines into text that is folded."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def prometheus_rule(source: Path) -> str:
    """Return the rule file `source` as a PrometheusRule."""
    document = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": f"atess-exporter-{source.stem}",
            "labels": {"app.kubernetes.io/name": "atess-exporter", "app.kubernetes.io/component": "exporter"},
        },
        "spec": yaml.safe_load(source.read_text(encoding="utf-8")),
    }
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=130)
    return f"# Made from {source} by `make kubernetes`: edit that file, not this one.\n{text}"


if __name__ == "__main__":
    for target, source in SOURCES.items():
        target.write_text(prometheus_rule(source), encoding="utf-8")
