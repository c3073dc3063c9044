"""From a change of a rain gauge to what has to be written: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hiroba.sdk import Changed, Delete, Entity, View, Write

PREFIX = "urn:ngsi-ld:Alert:rain_watch:"
STEPS = (
    ("extreme", "critical", "猛烈な雨", "Extreme rain"),
    ("very_heavy", "high", "非常に激しい雨", "Very heavy rain"),
    ("heavy", "medium", "強い雨", "Heavy rain"),
)
"""Setting with the least intensity (mm/h), severity, and the words for it; the worst first."""


def alert_id(gauge: str) -> str:
    """Return the id of the alert for a gauge."""
    return PREFIX + gauge.removeprefix("urn:ngsi-ld:")


def watch(change: Changed, view: View) -> Sequence[Write | Delete]:
    """Raise, change or end the gauge's alert.

    Between `over_below` and `heavy` an alert stays as it is, so that it does not flicker.
    """
    intensity = _value(view.entity, "rainfallIntensity")
    present = next((one for one in view.others.get("Alert", ()) if one["id"] == alert_id(change.id)), None)
    in_force = present is not None and "validTo" not in present
    step = next((step for step in STEPS if intensity is not None and intensity >= view.settings[step[0]]), None)
    if step is not None:
        if in_force and _value(present, "severity") == step[1]:
            return []
        since = _value(present, "validFrom") if in_force else None
        return [Write([_alert(change, view.entity or {}, step, intensity, since)], mode="replace")]
    if in_force and (intensity is None or intensity < view.settings["over_below"]):
        return [Write([{"id": alert_id(change.id), "type": "Alert", "validTo": _moment(change.at)}])]
    return []


def _alert(
    change: Changed, gauge: Entity, step: tuple[str, str, str, str], intensity: float, since: Any
) -> dict[str, Any]:
    _, severity, japanese, english = step
    words = {"ja": f"{japanese}（1時間あたり{intensity:g}ミリ）", "en": f"{english} ({intensity:g} mm/h)"}
    alert: dict[str, Any] = {
        "id": alert_id(change.id),
        "type": "Alert",
        "category": {"type": "Property", "value": "weather"},
        "subCategory": {"type": "Property", "value": "rain"},
        "severity": {"type": "Property", "value": severity, "observedAt": change.at},
        "description": {"type": "LanguageProperty", "languageMap": words},
        "alertSource": {"type": "Relationship", "object": change.id},
        "validFrom": _moment(change.at) if since is None else {"type": "Property", "value": since},
    }
    for name in ("location", "name"):
        if name in gauge:
            alert[name] = gauge[name]
    return alert


def _moment(at: str) -> dict[str, Any]:
    return {"type": "Property", "value": {"@type": "DateTime", "@value": at}}


def _value(entity: Mapping[str, Any] | None, attribute: str) -> Any:
    found = (entity or {}).get(attribute)
    return found.get("value") if isinstance(found, dict) else None
