"""What `kubectl kustomize` makes of a folder."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path("deploy/kubernetes")

Document = dict[str, Any]


class Manifests:
    """The documents of one deployment."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents

    def of_kind(self, *kinds: str) -> list[Document]:
        return [document for document in self.documents if document["kind"] in kinds]

    def one(self, *kinds: str) -> Document:
        (document,) = self.of_kind(*kinds)
        return document

    @property
    def workload(self) -> Document:
        return self.one("Deployment", "StatefulSet")

    @property
    def pod(self) -> Document:
        """The only pod template."""
        return dict(self.workload["spec"]["template"])

    @property
    def container(self) -> Document:
        """The only container of the only pod."""
        (container,) = self.pod["spec"]["containers"]
        return dict(container)


def build(folder: Path) -> Manifests:
    # the wheel's own, not one that the machine may have
    tool = Path(sys.executable).with_name("kubectl")
    done = subprocess.run([tool, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # deprecated fields are told of here
    assert done.stderr == ""
    return Manifests(list(yaml.safe_load_all(done.stdout)))


def selectors(document: Document) -> Iterator[dict[str, str]]:
    """Every selection of pods by labels in `document`."""
    spec = document["spec"]
    match document["kind"]:
        case "Service":
            yield spec["selector"]
        case "NetworkPolicy":
            yield spec["podSelector"]["matchLabels"]
        case "Deployment" | "PodDisruptionBudget" | "StatefulSet":
            yield spec["selector"]["matchLabels"]
    for constraint in spec.get("template", {}).get("spec", {}).get("topologySpreadConstraints", []):
        yield constraint["labelSelector"]["matchLabels"]
