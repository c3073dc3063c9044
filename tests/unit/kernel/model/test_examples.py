"""The published examples of the Smart Data Models, as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from hiroba.kernel.model.compact import View, compact_entity
from hiroba.kernel.model.context import CORE, compile_context, needed_urls
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.expand import expand_entity

FAULTY = {
    "FloodMonitoring/example-normalized.jsonld": "floodLevelStatus.type is 'string'",
    "RoadAccident/example.jsonld": "latitude",
    "SolarEnergy/example-normalized.jsonld": "location.value.coordinates is no position",
    "Vehicle/example-normalized.jsonld": "battery.observedAt",
    "WaterObserved/example-normalized.jsonld": "dateObserved.object",
    "WeatherAlert/example.jsonld": "id is",
    "WeatherForecast/example-normalized.jsonld": "id is",
    "WeatherForecast/example.jsonld": "id is",
}
"""Published examples that do not follow the standard, with what is wrong."""


def examples(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    found = sorted((folder / "07_ngsi_examples").glob("*/*.jsonld"))
    assert len(found) > 60, "the folder of examples has shrunk"
    return [(f"{path.parent.name}/{path.name}", orjson.loads(path.read_bytes())) for path in found]


@pytest.mark.data
def test_published_examples_come_back_as_they_were(open_data: Path) -> None:
    refused = {}
    for name, document in examples(open_data):
        named = document.pop("@context")
        urls = needed_urls(named)
        # the terms that those documents would define, as the models name them
        terms = {key: f"https://smartdatamodels.org/{key}" for key in document if key not in ("id", "type")}
        context = compile_context(named, {url: {"@context": terms} for url in urls})
        view = View() if "normalized" in name else View(format="simplified")
        for one in (CORE, context):
            try:
                entity = expand_entity(document, one)
            except BadRequestData as error:
                refused[name] = error.detail
                continue
            expected = {key: value for key, value in document.items() if key not in ("createdAt", "modifiedAt")}
            assert compact_entity(entity, one, view) == expected, name
            concise = compact_entity(entity, one, View(format="concise"))
            assert expand_entity(concise, one) == entity, name
    assert refused.keys() == FAULTY.keys()
    for name, part in FAULTY.items():
        assert part in refused[name]
