"""The GitHub workflows, as far as they can be judged here; they never ran there."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import pytest
import yaml

from exporter import __version__
from tests.helpers.schemas import mistakes

WORKFLOWS: Final = sorted(Path(".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_follows_githubs_schema(workflow: Path) -> None:
    assert mistakes("vendor.github-workflows", workflow) == ""


def test_dependabot_follows_githubs_schema() -> None:
    assert mistakes("vendor.dependabot", Path(".github/dependabot.yml")) == ""


def test_the_schema_finds_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "test.yml"
    wrong.write_text(WORKFLOWS[-1].read_text(encoding="utf-8").replace("runs-on", "run-on"))
    assert mistakes("vendor.github-workflows", wrong) != ""


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_rights_are_few(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    for used in re.findall(r"uses: (\S+)", text):
        assert used.startswith("./") or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", used), used
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_the_commands_exist() -> None:
    makefile = Path("Makefile").read_text(encoding="utf-8")
    for workflow in WORKFLOWS:
        for target in re.findall(r"make ([\w-]+)", workflow.read_text(encoding="utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert Path(".ci/run").exists()


def test_the_version_is_in_one_place() -> None:
    assert "version" in tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["dynamic"]
    assert Path("exporter/__init__.py").read_text(encoding="utf-8").count(__version__) == 1
    assert re.search(rf"^## \[{re.escape(__version__)}\]", Path("CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("name", "command"), [("upgrade", "make lock UPGRADE=--upgrade"), ("nightly", "make test-long")])
def test_a_schedule_runs_it(name: str, command: str) -> None:
    workflow = yaml.safe_load(Path(f".github/workflows/{name}.yml").read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as a boolean
    assert workflow[True]["schedule"]
    commands = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    assert command in commands


def test_an_upgrade_is_tested_before_it_is_proposed() -> None:
    steps = yaml.safe_load(Path(".github/workflows/upgrade.yml").read_text(encoding="utf-8"))["jobs"]["upgrade"]["steps"]
    commands = [step.get("run", "") for step in steps]
    (proposed,) = [place for place, command in enumerate(commands) if "gh pr create" in command]
    assert "bash .ci/run" in commands[:proposed]


def test_the_site_alone_is_what_gh_pages_gets(tmp_path: Path) -> None:
    """Run the workflow's own commands in a clone, after a build that is made up."""
    jobs = yaml.safe_load(Path(".github/workflows/docs.yml").read_text(encoding="utf-8"))["jobs"]
    (publish,) = (step["run"] for step in jobs["publish"]["steps"] if "gh-pages" in step.get("run", ""))

    def git(*command: str, folder: Path = tmp_path / "clone") -> str:
        return subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True, text=True).stdout

    git("init", "--quiet", "--bare", "origin.git", folder=tmp_path)
    git("clone", "--quiet", "origin.git", "clone", folder=tmp_path)
    clone = tmp_path / "clone"
    (clone / ".gitignore").write_text("/site/\n", encoding="utf-8")
    (clone / "README.md").write_text("not of the site\n", encoding="utf-8")
    git("add", "--all")
    git("-c", "user.name=n", "-c", "user.email=e@example.org", "commit", "--quiet", "--message", "one")
    for text in ("first", "second"):
        (clone / "site" / "alerts").mkdir(parents=True, exist_ok=True)
        (clone / "site" / "alerts" / "index.html").write_text(text, encoding="utf-8")
        subprocess.run(["bash", "-eo", "pipefail", "-c", publish], cwd=clone, env=os.environ | {"GITHUB_SHA": "abc"}, check=True)
    assert git("ls-tree", "-r", "--name-only", "gh-pages", folder=tmp_path / "origin.git").split() == [
        ".nojekyll",
        "alerts/index.html",
    ]
    assert git("show", "gh-pages:alerts/index.html", folder=tmp_path / "origin.git") == "second"
    assert git("log", "--format=%s", "gh-pages", folder=tmp_path / "origin.git") == "Site of abc\n"
