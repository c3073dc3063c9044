"""A real city in memory, and files of a test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hiroba.apps.imports.entities import Made
from hiroba.apps.imports.reasons import Reject
from hiroba.apps.imports.source import Dataset, open_source
from hiroba.sdk import Host
from hiroba.sdk.testing import city_in_memory


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
