from collections.abc import Generator

import pytest

from tests.helpers.isolation import isolated


# around the setup too, where fixtures of a whole module are made
@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    with isolated():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    with isolated():
        yield
