"""One map for all fields of the city: its layers, its vector tiles, and the search for places by name."""

from __future__ import annotations

from hiroba.apps.map.gazetteer import Gazetteer
from hiroba.apps.map.routes import MapRoutes
from hiroba.sdk import App


def setup(app: App) -> None:
    """Follow the city's places and answer for the map."""
    gazetteer = Gazetteer(app)
    app.on_start(gazetteer.open)
    app.on_stop(gazetteer.close)
    app.background(gazetteer.follow, name="gazetteer")
    app.add_routes(MapRoutes(app, gazetteer).routes())
