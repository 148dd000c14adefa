import tomllib
from pathlib import Path

import yaml

from exporter.documentation import SITE, field_url


def test_the_package_s_metadata_name_the_same_address() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Documentation"] == SITE


def test_a_field_is_found_on_the_page_of_its_type_and_on_that_of_all() -> None:
    assert field_url("eBatChargeTotal") == f"{SITE}reference/fields/#ebatchargetotal"
    assert field_url("eBatChargeTotal", "hps_central") == f"{SITE}reference/fields/hps_central/#ebatchargetotal"


def test_the_site_is_built_for_the_same_address() -> None:
    assert yaml.safe_load(Path("mkdocs.yml").read_text(encoding="utf-8"))["site_url"] == SITE
