"""One map for all fields of the city: its layers, its vector tiles, and the search for places by name."""

from __future__ import annotations

import asyncio

from hiroba.apps.map.gazetteer import Gazetteer
from hiroba.apps.map.routes import MapRoutes
from hiroba.sdk import App, vocabulary


def setup(app: App) -> None:
    """Follow the city's places and answer for the map."""
    gazetteer = Gazetteer(app)

    async def learn_words() -> None:
        await asyncio.to_thread(vocabulary.fields)

    for background in app.settings["backgrounds"]:
        app.show_from(background["tiles"])
    app.on_start(learn_words)
    app.on_start(gazetteer.open)
    app.on_stop(gazetteer.close)
    app.background(gazetteer.follow, name="gazetteer")
    app.add_routes(MapRoutes(app, gazetteer).routes())
