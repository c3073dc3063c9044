"""Hold uploaded files between their preview and their import."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from hiroba.apps.imports import places
from hiroba.apps.imports.running import Survey, survey
from hiroba.apps.imports.source import Dataset, open_source
from hiroba.sdk import Request, errors

MOST_KEPT = 20
_LONGEST_NAME = 200


@dataclass(slots=True)
class Upload:
    """A file that was sent: its data sets, of which `dataset` is the one that is looked at."""

    id: str
    tenant: str
    name: str
    path: Path
    datasets: list[Dataset]
    dataset: Dataset
    begun: float
    found: Survey | None = None

    async def look(self) -> None:
        """Read the whole file once and remember what it would become; raises Unreadable."""
        self.found = await survey(self.dataset) if self.dataset.plan or self.dataset.made else None


class Uploads:
    """The files sent in the last hours, the newest few of them; each has a folder that goes with it."""

    def __init__(self, folder: Path, *, limit: int, keep: float, bounds: places.Box) -> None:
        self._folder = folder
        self._limit = limit
        self._keep = keep
        self._bounds = bounds
        self._held: dict[str, Upload] = {}

    async def clear(self) -> None:
        """Forget all uploads, also those of an earlier run."""
        self._held.clear()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def receive(self, request: Request, *, tenant: str, type: str | None, part: int) -> Upload:
        """Store a request's body and open it as data.

        Raises RequestEntityTooLarge beyond the limit, Unreadable for what is no data; then nothing is kept.
        """
        self._sweep()
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._limit:
            raise self._too_large()
        id = secrets.token_hex(8)
        folder = self._folder / id
        folder.mkdir(parents=True)
        name = file_name(request.headers)
        try:
            await self._store(request, folder / "file")
            datasets = await asyncio.to_thread(open_source, folder / "file", name, type=type, bounds=self._bounds)
            chosen = _part(datasets, part)
            upload = Upload(id, tenant, name, folder / "file", datasets, chosen, time.time())
            await upload.look()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._held[id] = upload
        return upload

    def get(self, id: str, *, tenant: str) -> Upload:
        """Return an upload; raises ResourceNotFound when it is unknown, too old or another tenant's."""
        found = self._held.get(id)
        if found is None or found.tenant != tenant:
            raise errors.ResourceNotFound(f"no upload {id}; it may be too old: send the file again")
        return found

    def _too_large(self) -> errors.CityError:
        return errors.RequestEntityTooLarge(f"a file may have at most {self._limit >> 20} MB")

    async def _store(self, request: Request, path: Path) -> None:
        size = 0
        with path.open("wb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > self._limit:
                    raise self._too_large()
                file.write(chunk)

    def _sweep(self) -> None:
        oldest = time.time() - self._keep
        ids = list(self._held)
        for id in [id for id in ids if self._held[id].begun < oldest] + ids[: max(0, len(ids) - MOST_KEPT + 1)]:
            held = self._held.pop(id, None)
            if held is not None:
                shutil.rmtree(held.path.parent, ignore_errors=True)


def _part(datasets: list[Dataset], part: int) -> Dataset:
    if part >= len(datasets):
        raise errors.BadRequestData(f"part: the file has {len(datasets)} parts, counted from 0")
    return datasets[part]


def file_name(headers: Mapping[str, str]) -> str:
    """Return the name that came with a file (`X-File-Name`, percent-encoded UTF-8), without folders."""
    try:
        name = unquote(headers.get("x-file-name", ""), errors="strict")
    except UnicodeDecodeError as error:
        raise errors.BadRequestData("X-File-Name: not percent-encoded UTF-8") from error
    name = name.replace("\\", "/").rsplit("/", 1)[-1].strip()
    return "".join(letter for letter in name if letter.isprintable())[-_LONGEST_NAME:] or "file"
