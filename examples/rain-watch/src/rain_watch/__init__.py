"""Rain watch: raises an alert for each rain gauge while it measures heavy rain."""

from __future__ import annotations

from hiroba.sdk import App
from rain_watch.handlers import watch
from rain_watch.routes import Routes


def setup(app: App) -> None:
    """React to rain, and answer which alerts are in force."""
    app.react(watch, types=["RainfallObserved"], reads=["Alert"])
    app.route("/alerts")(Routes(app).alerts)
