"""Run imports in the background, one after the other, and remember them across restarts."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import secrets
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from hiroba.apps.imports.journal import Journal
from hiroba.apps.imports.preview import reject_answer
from hiroba.apps.imports.reasons import Reason, Reject, Unreadable
from hiroba.apps.imports.report import Report
from hiroba.apps.imports.running import Progress, Survey, run_import
from hiroba.apps.imports.source import Dataset
from hiroba.apps.imports.undoing import retire, undo
from hiroba.sdk import App, errors

MOST_KEPT = 200


@dataclass(slots=True)
class Job:
    """One import: `state` is running, done, failed or undone; `error` says why it failed, in all languages."""

    id: str
    tenant: str
    file: str
    type: str
    started: str
    state: str = "running"
    ended: str | None = None
    error: dict[str, str] | None = None
    retired: int = 0
    left: list[str] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)

    def answer(self, *, lang: str) -> dict[str, Any]:
        """Return the job as the console reads it."""
        so_far = self.progress
        return {
            "job": self.id,
            "state": self.state,
            "tenant": self.tenant,
            "file": self.file,
            "type": self.type,
            "types": so_far.types,
            "total": so_far.total,
            "read": so_far.read,
            "written": so_far.written,
            "unchanged": so_far.unchanged,
            "rejected": so_far.rejected,
            "kept": so_far.kept,
            "rejects": [reject_answer(reject, lang=lang) for reject in so_far.rejects],
            "gone": so_far.gone,
            "retired": self.retired,
            "left": self.left,
            "started": self.started,
            "ended": self.ended,
            "error": self.error[lang] if self.error else None,
        }


class Jobs:
    """All imports known, newest first; each has a folder with its state, journal and report."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._folder = app.data_dir / "jobs"
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Read the jobs of earlier runs; those that were cut off failed, and can be undone."""
        for path in sorted(self._folder.glob("*/job.json")):
            job = _read(path)
            if job.state == "running":
                job.state, job.error, job.ended = "failed", Reason("interrupted").both(), now()
                self._save(job)
            self._jobs[job.id] = job

    async def close(self) -> None:
        """Stop what is running; what was written by then stays and can be undone."""
        for task in self._tasks:
            task.cancel()
        for task in list(self._tasks):
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def all(self, *, tenant: str) -> list[Job]:
        """Return a tenant's jobs, newest first."""
        found = [job for job in self._jobs.values() if job.tenant == tenant]
        return sorted(found, key=lambda job: job.started, reverse=True)

    def get(self, id: str, *, tenant: str) -> Job:
        """Return a job; raises ResourceNotFound."""
        job = self._jobs.get(id)
        if job is None or job.tenant != tenant:
            raise errors.ResourceNotFound(f"no import {id}")
        return job

    def report(self, job: Job) -> Path:
        """Return the file with all rejects of a job."""
        return self._folder / job.id / "report.csv"

    def begin(self, dataset: Dataset, known: Survey, *, tenant: str, retire_gone: bool) -> Job:
        """Start an import in the background; it waits for those before it."""
        type = dataset.type or ", ".join(known.types)
        job = Job(secrets.token_hex(8), tenant, dataset.file, type, now())
        self._jobs[job.id] = job
        self._save(job)
        task = asyncio.create_task(self._run(job, dataset, known, retire_gone), name=f"import {job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    async def undo(self, job: Job) -> None:
        """Take a finished import back; raises Conflict while it runs and when it was taken back already."""
        if job.state == "running":
            raise errors.Conflict(f"import {job.id} is still running")
        if job.state == "undone":
            raise errors.Conflict(f"import {job.id} was undone already")
        async with self._turn:
            result = await undo(self._app.city(job.tenant), self._journal(job))
        job.state, job.ended, job.left = "undone", now(), result.left
        self._save(job)

    async def retire(self, job: Job, ids: list[str]) -> int:
        """Delete entities that the job listed as gone; raises BadRequestData for others."""
        if job.state != "done":
            raise errors.Conflict(f"import {job.id} is {job.state}")
        listed = {entry["id"] for entry in job.progress.gone}
        if unknown := [id for id in ids if id not in listed]:
            raise errors.BadRequestData(f"ids: {unknown[0]} is not among the gone of this import")
        async with self._turn:
            await self._retire(job, ids)
        self._save(job)
        return job.retired

    async def _retire(self, job: Job, ids: list[str]) -> None:
        job.retired += await retire(self._app.city(job.tenant), ids, journal=self._journal(job))
        job.progress.gone = [entry for entry in job.progress.gone if entry["id"] not in set(ids)]

    async def _run(self, job: Job, dataset: Dataset, known: Survey, retire_gone: bool) -> None:
        report = Report(self.report(job))
        try:
            async with self._turn:
                await self._carry_out(job, dataset, known, report)
                if retire_gone:
                    await self._retire(job, [entry["id"] for entry in job.progress.gone])
            job.state = "done"
        except Unreadable as error:
            job.error = error.reason.both()
            report.add(dataset.file, Reject(error.line, error.reason))
        except (errors.CityError, OSError) as error:
            job.error = Reason("city_failed", {"error": error}).both()
        finally:
            if job.state == "running":
                job.state = "failed"
                job.error = job.error or Reason("interrupted").both()
            job.ended = now()
            report.close()
            self._save(job)
            self._sweep()

    async def _carry_out(self, job: Job, dataset: Dataset, known: Survey, report: Report) -> None:
        await run_import(
            self._app.city(job.tenant),
            dataset,
            known=known,
            journal=self._journal(job),
            on_reject=lambda reject: report.add(dataset.file, reject),
            progress=job.progress,
        )

    def _journal(self, job: Job) -> Journal:
        return Journal(self._folder / job.id / "journal.jsonl")

    def _save(self, job: Job) -> None:
        path = self._folder / job.id / "job.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_bytes(orjson.dumps(asdict(job)))
        draft.replace(path)

    def _sweep(self) -> None:
        """Forget the oldest jobs beyond what is kept, with their journals."""
        finished = sorted((job for job in self._jobs.values() if job.state != "running"), key=lambda job: job.started)
        for job in finished[: max(0, len(self._jobs) - MOST_KEPT)]:
            del self._jobs[job.id]
            shutil.rmtree(self._folder / job.id, ignore_errors=True)


def _read(path: Path) -> Job:
    document = orjson.loads(path.read_bytes())
    progress = document.pop("progress")
    rejects = [
        Reject(**{**reject, "reason": Reason(reject["reason"]["code"], reject["reason"]["words"])})
        for reject in progress.pop("rejects")
    ]
    return Job(**document, progress=Progress(**progress, rejects=rejects))


def now() -> str:
    """Return this moment in UTC as ISO 8601 with milliseconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
