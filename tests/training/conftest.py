"""One prepared site per session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.runs import Site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(Path(tmp_path_factory.mktemp("site")))
