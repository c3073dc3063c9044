"""A real city in memory, and the folder of real open data."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hiroba.apps.imports.entities import Made
from hiroba.apps.imports.reasons import Reject
from hiroba.apps.imports.source import Dataset, open_source
from hiroba.sdk import Host
from hiroba.sdk.testing import city_in_memory

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real open data; tests that need it are skipped when it is not there."""
    folder = Path(os.environ.get("HIROBA_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no open data at {folder}: set HIROBA_TEST_DATA")
    return folder


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """A host whose cities are real, in memory."""
    async with city_in_memory() as lent:
        yield lent


Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of a name, text in UTF-8."""

    def make(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def read_all(dataset: Dataset) -> tuple[list[Made], list[Reject]]:
    """Return all that a data set becomes, and all that it does not."""
    results = list(dataset.entities())
    return (
        [item for item in results if isinstance(item, Made)],
        [item for item in results if isinstance(item, Reject)],
    )


@pytest.fixture
def read() -> Callable[..., tuple[Dataset, list[Made], list[Reject]]]:
    """Open a file with one data set and read all of it."""

    def run(path: Path, **options: str) -> tuple[Dataset, list[Made], list[Reject]]:
        (dataset,) = open_source(path, path.name, **options)
        return dataset, *read_all(dataset)

    return run
