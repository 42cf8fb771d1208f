"""Whole demos, each run once for all that look at it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conformance.runs import LIMIT_S, Run, Runs, bundles_of, keys_of
from tests.node.kept import Kept

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test may wait for a whole demo that another process of pytest runs."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT_S + 100))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The demos of this call of pytest."""
    base = tmp_path_factory.getbasetemp()
    return Runs((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demos")


@pytest.fixture(scope="session")
def masked(runs: Runs) -> Run:
    """The demo as it is: four regions, twenty rounds."""
    return runs.keep()


@pytest.fixture(scope="session")
def private(runs: Runs) -> Run:
    """Five regions with differential privacy, four rounds; afterwards one of them lies in every known way."""
    return runs.keep("--regions", "5", "--rounds", "4", "--dp", "epsilon=3,delta=1e-3", "--tamper", "all")


@pytest.fixture(scope="session")
def kept(private: Run) -> Kept:
    """What the five left behind before anybody lied; the last bundle's region is the one that lies."""
    said = private.result()
    models = {path.stem: path for path in (private.kept / "models").glob("*.safetensors")}
    return Kept(
        bytes.fromhex(said["study"]), said["audit"]["verdict"], bundles_of(private), keys_of(said["homes"]), models
    )
