"""A second exporter with the config of the first asks the account for everything twice; it says so."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.helpers.processes import TOKEN, Exporter, exporter, running, simulated_cloud

TOLD = "another exporter polls with this config"


@pytest.mark.parametrize(
    ("first", "second", "warned"),
    [
        ([], [], True),
        (["--shard=0", "--total-shards=2"], ["--shard=1", "--total-shards=2"], False),
        ([], ["--shard=1", "--total-shards=2"], True),
    ],
)
def test_a_second_exporter_with_the_same_config_is_told(
    tmp_path: Path, first: list[str], second: list[str], warned: bool
) -> None:
    with simulated_cloud("--devices", "pbd:A") as cloud:
        config = {"api": {"base_url": cloud.url}, "devices": {"pbd": ["A"]}}
        with exporter(tmp_path, config, *first) as one:
            with _beside(one, second) as two:
                assert (TOLD in two.process.output) == warned
                assert requests.post(f"{two.url}/-/reload", timeout=30).status_code == 200
                # once, not at each reload
                assert two.process.output.count(TOLD) == warned
            assert TOLD not in one.process.output


def test_a_copy_of_the_config_and_a_later_exporter_are_another_matter(tmp_path: Path) -> None:
    with simulated_cloud("--devices", "pbd:A") as cloud:
        config = {"api": {"base_url": cloud.url}, "devices": {"pbd": ["A"]}}
        with exporter(tmp_path, config) as one:
            assert TOLD not in one.process.output
        other = tmp_path / "other"
        other.mkdir()
        with exporter(tmp_path, config) as one, exporter(other, config) as two:
            assert TOLD not in one.process.output + two.process.output


@contextmanager
def _beside(first: Exporter, arguments: list[str]) -> Iterator[Exporter]:
    command = [sys.executable, "-m", "exporter", "--config.file", str(first.config), "--web.listen-address", "127.0.0.1:0"]
    with running([*command, *arguments], {"ATESS_API_TOKEN": TOKEN}) as process:
        yield Exporter(process, first.config)
