"""`hiroba import`: sends files to a city's app `imports`, shows how far it is, and says what was not taken."""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from hiroba.cli.failing import CommandError
from hiroba.cli.imported import Outcome, Telling, language
from hiroba.host.settings import Settings, SettingsError, load_settings

ENDINGS = frozenset({".csv", ".tsv", ".xlsx", ".xlsm", ".geojson", ".json", ".jsonld", ".zip"})
_CHUNK = 1 << 20
_EXAMPLE = "http://127.0.0.1:1026"
_PLAIN_WIDTH = 140
_MOST_DOWNLOADED = 1 << 30
_FIRST_POLL, _LAST_POLL = 0.02, 0.5


class FileFailed(Exception):
    """Say why a whole file was not taken."""


@dataclass(slots=True)
class Source:
    """One thing to import: the name by which it is shown, the file on disk, and the name that the city sees."""

    label: str
    name: str
    path: Path | None = None
    url: str = ""


def run(args: argparse.Namespace) -> int:
    """Import everything named; return 0 when all files were taken, 1 when one was not.

    Raises CommandError when there is nothing to import, or no city to import it into.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PLAIN_WIDTH)
    importing = _Import(args, console)
    try:
        return asyncio.run(importing.carry_out(find_sources(args.sources)))
    except KeyboardInterrupt as error:
        raise CommandError(importing.telling.interrupted(), code=130) from error


def find_sources(named: Sequence[str]) -> list[Source]:
    """Return the files, addresses and files within folders; raises CommandError for one that is not there."""
    found: list[Source] = []
    for text in named:
        if text.startswith(("http://", "https://")):
            name = unquote(urlsplit(text).path.rsplit("/", 1)[-1]) or "download"
            found.append(Source(text, name, url=text))
            continue
        path = Path(text)
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file() and one.suffix.lower() in ENDINGS)
            if not inside:
                raise CommandError(f"{path}: the folder holds no file that can be imported")
            found.extend(Source(str(one.relative_to(path)), one.name, one) for one in inside)
        elif path.is_file():
            found.append(Source(text, path.name, path))
        else:
            raise CommandError(f"{path}: no such file or folder")
    return found


class _Import:
    def __init__(self, args: argparse.Namespace, console: Console) -> None:
        found = _settings()
        self._base = _checked(args.url or _address(found))
        self._query = {"lang": language()} | ({"tenant": args.tenant} if args.tenant else {})
        self._type: str | None = args.type
        self._report: Path | None = args.report
        self._token = args.token or found.token
        self._console = console
        self.telling = Telling(language())
        self._lines: list[list[str]] = []

    async def carry_out(self, sources: list[Source]) -> int:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        outcomes: list[Outcome] = []
        # a connection on which a file was refused half-way is no good for the next
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
            self._session = session
            await self._greet()
            self._try_report()
            with self._bar() as bar:
                for source in sources:
                    outcomes.extend(await self._source(source, bar))
        if self._report:
            self._write_report()
        self._show(outcomes)
        if end := self.telling.end(outcomes, typed=self._type is not None):
            raise CommandError(end)
        return 0

    async def _greet(self) -> None:
        """Make sure that there is a city that imports; raises CommandError with the remedy."""
        try:
            async with self._session.get(f"{self._base}/apps/imports/jobs", params=self._query) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            why = _why(error)
            raise CommandError(f"no city answers at {self._base} ({why}); start one with `hiroba serve`") from error
        if status in (401, 403):
            wrong = "does not accept the token" if self._token else "asks for a token"
            raise CommandError(f"{self._base} {wrong}; give it with --token, or as the setting `token`")
        if status != 200:
            raise CommandError(f"{self._base} does not import (HTTP {status}); is its app `imports` running?")

    def _bar(self) -> Progress:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        return Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)

    async def _source(self, source: Source, bar: Progress) -> list[Outcome]:
        task = bar.add_task(source.label, total=None)
        outcomes: list[Outcome] = []
        try:
            async with self._local(source) as path:
                part, parts = 0, 1
                while part < parts:
                    outcome, parts = await self._part(source, path, part, bar=bar, task=task)
                    outcomes.append(outcome)
                    part += 1
        except FileFailed as error:
            outcomes.append(Outcome(source.label, failure=str(error)))
            self._lines.append([source.label, "", "", "", "no", str(error), str(error)])
        bar.remove_task(task)
        return outcomes

    async def _part(self, source: Source, path: Path, part: int, *, bar: Progress, task: TaskID) -> tuple[Outcome, int]:
        """Import one table of a file; return what became of it, and how many the file has."""
        begun = time.monotonic()
        shown = await self._upload(path, source.name, part)
        parts = max(1, len(shown.get("parts", ())))
        label = source.label if parts == 1 else f"{source.label} {shown['file'].removeprefix(source.name).strip()}"
        outcome = Outcome(label, shown.get("type") or "")
        bar.update(task, description=label, total=shown["rows"], completed=0)
        begin = await self._ask("POST", f"/apps/imports/uploads/{shown['upload']}/run", json={})
        outcome.job = await self._follow(begin["job"], bar=bar, task=task)
        outcome.type = outcome.job["type"] or outcome.type
        outcome.seconds = time.monotonic() - begun
        if outcome.job["state"] == "failed":
            outcome.failure = str(outcome.job["error"])
        await self._keep_report(label, outcome.job["job"])
        return outcome, parts

    async def _upload(self, path: Path, name: str, part: int) -> dict[str, Any]:
        query = self._query | ({"type": self._type} if self._type else {}) | {"part": str(part)}
        try:
            # opened once before it is sent: what is unreadable is no trouble of the connection
            with path.open("rb"):
                size = path.stat().st_size
        except OSError as error:
            raise FileFailed(f"cannot be read: {error.strerror}") from error
        headers = {"X-File-Name": quote(name), "Content-Length": str(size)}
        shown: dict[str, Any] = await self._ask(
            "POST", "/apps/imports/uploads", query=query, headers=headers, data=_chunks(path)
        )
        return shown

    async def _follow(self, job: str, *, bar: Progress, task: TaskID) -> dict[str, Any]:
        pause = _FIRST_POLL
        while True:
            found: dict[str, Any] = await self._ask("GET", f"/apps/imports/jobs/{job}")
            bar.update(task, completed=found["read"])
            if found["state"] != "running":
                return found
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LAST_POLL)

    async def _keep_report(self, label: str, job: str) -> None:
        if self._report is None:
            return
        text = await self._ask("GET", f"/apps/imports/jobs/{job}/report.csv", plain=True)
        for row in list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))[1:]:
            self._lines.append([label, *row[1:]])

    async def _ask(
        self, method: str, path: str, *, query: dict[str, str] | None = None, plain: bool = False, **options: Any
    ) -> Any:
        """Return the answer's JSON (text when `plain`); raises FileFailed with the problem's detail."""
        try:
            async with self._session.request(
                method, self._base + path, params=query or self._query, **options
            ) as answer:
                if answer.status < 400:
                    return await (answer.text() if plain else answer.json())
                raise FileFailed(await _problem(answer))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise FileFailed(f"the connection to the city broke: {_why(error)}") from error

    @asynccontextmanager
    async def _local(self, source: Source) -> AsyncIterator[Path]:
        """Yield the file on disk, downloaded first when it is an address."""
        if source.path is not None:
            yield source.path
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "download"
            try:
                # the city's token is not for others
                async with aiohttp.ClientSession() as session, session.get(source.url) as answer:
                    if answer.status != 200:
                        raise FileFailed(f"HTTP {answer.status} {answer.reason}")
                    source.name = _told_name(answer) or source.name
                    await _save(answer, path)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise FileFailed(f"cannot be fetched: {_why(error)}") from error
            yield path

    def _try_report(self) -> None:
        """Make sure that the report can be written before anything is imported; raises CommandError."""
        if self._report is None:
            return
        try:
            self._report.open("ab").close()
        except OSError as error:
            raise CommandError(f"{self._report}: cannot be written: {error.strerror}") from error

    def _write_report(self) -> None:
        if self._report is None:
            return
        try:
            with self._report.open("w", encoding="utf-8-sig", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["file", "line", "column", "value", "row_written", "reason_ja", "reason_en"])
                writer.writerows(self._lines)
        except OSError as error:
            raise CommandError(f"{self._report}: cannot be written: {error.strerror}") from error

    def _show(self, outcomes: list[Outcome]) -> None:
        self._console.print(self.telling.summary(outcomes))
        for line in self.telling.failures(outcomes):
            self._say(line)
        if (rejects := self.telling.rejects(outcomes)) is not None:
            self._console.print(rejects)
        for line in self.telling.afterwards(outcomes, self._report if self._lines else None):
            self._say(line)

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


def _checked(url: str) -> str:
    """Return an address without its last slash; raises CommandError for what is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(f"--url: {url!r} is not an address; {_EXAMPLE} is one")
    return url.rstrip("/")


def _why(error: Exception) -> str:
    """Return what lies at the bottom of a client's error, in few words."""
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno or 0
        return os.strerror(number) if number > 0 else error.os_error.strerror or str(error.os_error)
    return str(error) or type(error).__name__


async def _save(answer: aiohttp.ClientResponse, path: Path) -> None:
    size = 0
    with path.open("wb") as file:
        async for chunk in answer.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > _MOST_DOWNLOADED:
                raise FileFailed(f"is larger than {_MOST_DOWNLOADED >> 20} MB")
            file.write(chunk)


async def _problem(answer: aiohttp.ClientResponse) -> str:
    try:
        body = await answer.json(content_type=None)
    except ValueError:
        body = None
    if isinstance(body, dict) and body.get("detail"):
        line = f"line {body['line']}: " if body.get("line") else ""
        return line + str(body["detail"])
    return f"HTTP {answer.status} {answer.reason}"


def _told_name(answer: aiohttp.ClientResponse) -> str:
    told = answer.content_disposition.filename if answer.content_disposition else None
    return Path(told).name if told else ""


def _address(settings: Settings) -> str:
    """Return where a city of these settings is reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _settings() -> Settings:
    """Return the settings found here; raises CommandError when they cannot be read."""
    try:
        return load_settings(config=None, flags={})
    except SettingsError as error:
        raise CommandError(str(error), code=2) from error
