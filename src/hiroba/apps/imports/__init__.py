"""Open data in and out: files become entities, layers become files."""

from __future__ import annotations

from hiroba.apps.imports.jobs import Jobs
from hiroba.apps.imports.routes import ImportRoutes
from hiroba.apps.imports.uploads import Uploads
from hiroba.sdk import App


def setup(app: App) -> None:
    """Take files in, run imports in the background, and answer for exports."""
    settings = app.settings
    uploads = Uploads(
        app.data_dir / "uploads",
        limit=int(settings["upload_limit_mb"]) << 20,
        keep=float(settings["keep_uploads_hours"]) * 3600,
        bounds=(settings["west"], settings["south"], settings["east"], settings["north"]),
    )
    jobs = Jobs(app)
    app.on_start(uploads.clear)
    app.on_start(jobs.open)
    app.on_stop(jobs.close)
    app.add_routes(ImportRoutes(app, uploads, jobs).routes())
