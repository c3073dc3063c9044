"""Rain watch: its handler alone, and the app on a real city in memory."""

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import pytest
import rain_watch
from rain_watch.handlers import alert_id, watch

from hiroba.sdk import App, Changed, Manifest, View, Write
from hiroba.sdk.testing import city_in_memory, request

FOLDER = Path(rain_watch.__file__).parent
SETTINGS = tomllib.loads((FOLDER / "manifest.toml").read_text(encoding="utf-8"))["settings"]
GAUGE = "urn:ngsi-ld:RainfallObserved:kasuga"


def gauge(intensity: float) -> dict[str, Any]:
    return {
        "id": GAUGE,
        "type": "RainfallObserved",
        "name": {"type": "Property", "value": "春日"},
        "rainfallIntensity": {"type": "Property", "value": intensity, "unitCode": "H67"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.05, 34.33]}},
    }


def react(entity: dict[str, Any] | None, alert: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    change = Changed(1, "2026-04-01T00:00:00.000Z", "updated", GAUGE, ("RainfallObserved",), {})
    view = View("", entity, {"Alert": [alert] if alert else []}, SETTINGS)
    commands = watch(change, view)
    assert all(isinstance(command, Write) for command in commands)
    return [entity for command in commands for entity in command.entities]  # type: ignore[union-attr]


def alert(severity: str, **more: Any) -> dict[str, Any]:
    return {"id": alert_id(GAUGE), "type": "Alert", "severity": {"type": "Property", "value": severity}, **more}


@pytest.mark.parametrize(
    ("intensity", "severity"), [(20, "medium"), (49.9, "medium"), (50, "high"), (80, "critical"), (200, "critical")]
)
def test_heavy_rain_raises_an_alert(intensity: float, severity: str) -> None:
    (written,) = react(gauge(intensity))
    assert written["id"] == alert_id(GAUGE)
    assert written["severity"]["value"] == severity
    assert written["alertSource"]["object"] == GAUGE
    assert written["location"] == gauge(0)["location"]
    assert f"{intensity:g}ミリ" in written["description"]["languageMap"]["ja"]


def test_nothing_is_written_while_nothing_changes() -> None:
    assert react(gauge(0)) == []
    assert react(gauge(19.9)) == []
    assert react(gauge(30), alert("medium")) == []
    assert react(gauge(15), alert("medium")) == []
    assert react({"id": GAUGE, "type": "RainfallObserved"}) == []


def test_it_grows_and_ends() -> None:
    since = {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-03-31T23:00:00.000Z"}}
    (grown,) = react(gauge(60), alert("medium", validFrom=since))
    assert (grown["severity"]["value"], grown["validFrom"]) == ("high", since)
    (ended,) = react(gauge(9.9), alert("high"))
    assert set(ended) == {"id", "type", "validTo"}
    (removed,) = react(None, alert("high"))
    assert "validTo" in removed
    assert react(gauge(5), alert("high", validTo=since)) == []
    (again,) = react(gauge(25), alert("high", validTo=since))
    assert "validTo" not in again


def test_in_a_city(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(_storm(tmp_path), 60))


async def _storm(data_dir: Path) -> None:
    manifest = Manifest(
        id="rain_watch", title={"ja": "大雨見張り", "en": "Rain watch"}, folder=FOLDER, settings=SETTINGS
    )
    async with city_in_memory() as host:
        app = App(manifest, host, data_dir=data_dir)
        rain_watch.setup(app)
        await app.start()
        try:
            while not app.readers[0].ready:
                await asyncio.sleep(0.01)
            for intensity, severities in ((5, []), (30, ["medium"]), (90, ["critical"]), (15, ["critical"]), (0, [])):
                handled = app.readers[0].handled
                await host.city().write([gauge(intensity)])
                while app.readers[0].handled == handled:
                    await asyncio.sleep(0.01)
                found = (await request(app, "GET", "/alerts")).json()
                assert [one["severity"] for one in found] == severities
        finally:
            await app.stop()
        history = await host.city().history(alert_id(GAUGE), attrs=["severity"])
        assert history is not None
        assert [one["value"] for one in history["severity"]] == ["medium", "critical"]
