"""The app's own route, `GET /apps/rain_watch/alerts`."""

from __future__ import annotations

from hiroba.sdk import App, Request, Response, json_answer
from rain_watch.handlers import PREFIX


class Routes:
    """Answer from the city's present state."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def alerts(self, request: Request) -> Response:
        """Answer the alerts in force, as plain values."""
        city = self._app.city(request.query_params.get("tenant", ""))
        found = await city.entities(types="Alert", id_pattern=f"^{PREFIX}", limit=1000, simplified=True)
        return json_answer([alert for alert in found.entities if "validTo" not in alert])
