"""Open data in and out: files become entities, layers become files."""

from __future__ import annotations

from hiroba.sdk import App


def setup(app: App) -> None:
    """Take the app's place among the others."""
    app.log.debug("imports: ready")
