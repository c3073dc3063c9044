"""The app's HTTP routes: send a file, look at it, correct it, run it, take it back; export a layer."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.responses import FileResponse
from starlette.routing import Route

from hiroba.apps.imports import export, preview
from hiroba.apps.imports.jobs import Jobs
from hiroba.apps.imports.reasons import Unreadable
from hiroba.apps.imports.uploads import Upload, Uploads
from hiroba.sdk import App, Request, Response, errors, json_answer, read_json, vocabulary

Endpoint = Callable[[Request], Awaitable[Response]]


class ImportRoutes:
    """Answer for `/apps/imports`."""

    def __init__(self, app: App, uploads: Uploads, jobs: Jobs) -> None:
        self._app = app
        self._uploads = uploads
        self._jobs = jobs

    def routes(self) -> list[Route]:
        """Return the routes, relative to the app's address."""
        return [
            Route("/uploads", _readable(self.upload), methods=["POST"]),
            Route("/uploads/{upload}", _readable(self.look), methods=["GET"]),
            Route("/uploads/{upload}/mapping", _readable(self.correct), methods=["PUT"]),
            Route("/uploads/{upload}/run", _readable(self.run), methods=["POST"]),
            Route("/jobs", self.jobs),
            Route("/jobs/{job}", self.job),
            Route("/jobs/{job}/undo", self.undo, methods=["POST"]),
            Route("/jobs/{job}/retire", self.retire, methods=["POST"]),
            Route("/jobs/{job}/report.csv", self.report),
            Route("/export", self.export),
        ]

    async def upload(self, request: Request) -> Response:
        """POST /uploads: a file as the raw body, its name in `X-File-Name`; answers the preview."""
        part = request.query_params.get("part", "0")
        if not part.isdecimal():
            raise errors.BadRequestData("part: not a number")
        upload = await self._uploads.receive(
            request,
            tenant=_tenant(request),
            type=request.query_params.get("type") or None,
            part=int(part),
        )
        return _preview(request, upload, status=201)

    async def look(self, request: Request) -> Response:
        """GET /uploads/{upload}: the preview again."""
        return _preview(request, self._upload(request))

    async def correct(self, request: Request) -> Response:
        """PUT /uploads/{upload}/mapping: another entity type, other attributes for columns."""
        upload = self._upload(request)
        type, columns = _correction(await read_json(request), upload)
        if upload.dataset.table is None:
            raise errors.BadRequestData("the file names its own types and attributes; there is nothing to correct")
        upload.dataset.choose(type, columns)
        await upload.look()
        return _preview(request, upload)

    async def run(self, request: Request) -> Response:
        """POST /uploads/{upload}/run: begin the import; answers its job."""
        upload = self._upload(request)
        body = await _options(request)
        if upload.found is None:
            raise Unreadable("unknown_dataset")
        retire_gone = body.get("retire") is True
        job = self._jobs.begin(upload.dataset, upload.found, tenant=upload.tenant, retire_gone=retire_gone)
        return json_answer({"job": job.id}, status=202)

    async def jobs(self, request: Request) -> Response:
        """GET /jobs: the imports of a tenant, newest first."""
        lang = _language(request)
        return json_answer([job.answer(lang=lang) for job in self._jobs.all(tenant=_tenant(request))])

    async def job(self, request: Request) -> Response:
        """GET /jobs/{job}: how far an import has come."""
        found = self._jobs.get(request.path_params["job"], tenant=_tenant(request))
        return json_answer(found.answer(lang=_language(request)))

    async def undo(self, request: Request) -> Response:
        """POST /jobs/{job}/undo: take an import back; answers the job."""
        found = self._jobs.get(request.path_params["job"], tenant=_tenant(request))
        await self._jobs.undo(found)
        return json_answer(found.answer(lang=_language(request)))

    async def retire(self, request: Request) -> Response:
        """POST /jobs/{job}/retire: delete, with consent, what the new edition no longer has; answers the job."""
        found = self._jobs.get(request.path_params["job"], tenant=_tenant(request))
        ids = (await _options(request)).get("ids")
        if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
            raise errors.BadRequestData("ids: a list of entity ids is needed")
        await self._jobs.retire(found, ids)
        return json_answer(found.answer(lang=_language(request)))

    async def report(self, request: Request) -> Response:
        """GET /jobs/{job}/report.csv: all that was not taken."""
        found = self._jobs.get(request.path_params["job"], tenant=_tenant(request))
        path = self._jobs.report(found)
        if not path.exists():
            raise errors.ResourceNotFound(f"import {found.id} has no report")
        return FileResponse(path, media_type="text/csv; charset=utf-8", filename=f"{Path(found.file).stem}-report.csv")

    async def export(self, request: Request) -> Response:
        """GET /export: all entities of a type as a file."""
        type = request.query_params.get("type")
        format = request.query_params.get("format", "csv")
        if not type:
            raise errors.BadRequestData("type: name the entity type to export")
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory)
        target = Path(folder.name) / "export"
        lang = _language(request)
        try:
            await export.export(self._app.city(_tenant(request)), type, format=format, target=target, lang=lang)
        except BaseException:
            folder.cleanup()
            raise
        name = f"{vocabulary.type_title(type, lang)}.{format}"
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
        return FileResponse(
            target, headers=headers, media_type=export.FORMATS[format], background=BackgroundTask(folder.cleanup)
        )

    def _upload(self, request: Request) -> Upload:
        return self._uploads.get(request.path_params["upload"], tenant=_tenant(request))


def _preview(request: Request, upload: Upload, *, status: int = 200) -> Response:
    body = preview.preview(upload.dataset, upload.found, lang=_language(request))
    parts = [dataset.file for dataset in upload.datasets]
    return json_answer({"upload": upload.id, "parts": parts, **body}, status=status)


def _correction(body: Any, upload: Upload) -> tuple[str | None, dict[str, str | None] | None]:
    if not isinstance(body, dict):
        raise errors.BadRequestData("an object with type and columns is needed")
    type, columns = body.get("type"), body.get("columns")
    if type is not None and (not isinstance(type, str) or not type.strip() or not type[0].isalpha()):
        raise errors.BadRequestData("type: the name of an entity type is needed")
    if columns is None:
        return type, None
    known = set(upload.dataset.table.columns) if upload.dataset.table else set()
    if not isinstance(columns, dict):
        raise errors.BadRequestData("columns: an object of column names and attributes is needed")
    for name, attribute in columns.items():
        if name not in known:
            raise errors.BadRequestData(f"columns: the file has no column {name}")
        if attribute is not None and (not isinstance(attribute, str) or not attribute or attribute.count(".") > 1):
            raise errors.BadRequestData(f"columns: {name} needs the name of an attribute, or null")
    return type, columns


async def _options(request: Request) -> dict[str, Any]:
    if not int(request.headers.get("content-length") or 0):
        return {}
    body = await read_json(request)
    if not isinstance(body, dict):
        raise errors.BadRequestData("an object is needed")
    return body


def _tenant(request: Request) -> str:
    return request.query_params.get("tenant", "")


def _language(request: Request) -> str:
    """Return the language asked for, by `lang=` or else by the browser."""
    asked = request.query_params.get("lang") or request.headers.get("accept-language", "")
    found = sorted((asked.find(lang), lang) for lang in vocabulary.LANGUAGES if lang in asked)
    return found[0][1] if found else "en"


def _readable(endpoint: Endpoint) -> Endpoint:
    """Answer an unreadable file as a problem with its line and the reason in all languages; a full disk as 503."""

    @functools.wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Unreadable as error:
            problem = errors.BadRequestData(error.reason.text(_language(request))).problem()
            return json_answer({**problem, "line": error.line, "reasons": error.reason.both()}, status=400)
        except OSError as error:
            raise errors.StoreUnavailable(f"the file could not be kept: {error.strerror}") from error

    return answer
