"""Imports into a real city in memory: only differences are written, all of it can be taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hiroba.apps.imports.journal import Journal
from hiroba.apps.imports.reasons import Reject, Unreadable
from hiroba.apps.imports.running import Progress, run_import
from hiroba.apps.imports.source import open_source
from hiroba.apps.imports.undoing import retire, undo
from hiroba.sdk import City, Host

HEADER = "名称,緯度,経度,住所,電話番号,備考\n"
ROWS = [
    "中央公園,34.34,134.05,高松市番町1,087-111-1111,噴水あり\n",
    "東公園,34.35,134.06,高松市東町1,087-222-2222,\n",
    "西公園,34.36,134.07,高松市西町1,,\n",
]


async def bring(city: City, path: Path, **options: Any) -> Progress:
    (dataset,) = open_source(path, path.name, type="Park")
    return await run_import(city, dataset, **options)


async def all_parks(city: City) -> dict[str, dict[str, Any]]:
    answer = await city.entities(types="Park", limit=100)
    return {entity["name"]["value"]: entity for entity in answer.entities}


async def test_the_same_file_again_writes_nothing(host: Host, write: Any) -> None:
    city = host.city()
    path = write("parks.csv", HEADER + "".join(ROWS))
    first = await bring(city, path)
    assert (first.total, first.read, first.written, first.unchanged, first.rejected) == (3, 3, 3, 0, 0)
    before = await city.last_seq()
    again = await bring(city, path)
    assert (again.read, again.written, again.unchanged) == (3, 0, 3)
    assert await city.last_seq() == before


async def test_a_changed_row_writes_only_what_changed(host: Host, write: Any) -> None:
    city = host.city()
    await bring(city, write("parks.csv", HEADER + "".join(ROWS)))
    seq = await city.last_seq()
    newer = HEADER + ROWS[0].replace("噴水あり", "噴水は休止中") + ROWS[1] + ROWS[2]
    result = await bring(city, write("parks2.csv", newer))
    assert (result.written, result.unchanged) == (1, 2)
    changes = city.changes(after=seq)
    change = await anext(changes)
    await changes.aclose()  # type: ignore[attr-defined]
    assert list(change.attrs) == ["note"]
    assert await city.last_seq() == seq + 1


async def test_a_cell_that_is_empty_now_takes_the_attribute_away(host: Host, write: Any) -> None:
    city = host.city()
    await bring(city, write("parks.csv", HEADER + "".join(ROWS)))
    await city.write(
        [
            {
                "id": (await all_parks(city))["中央公園"]["id"],
                "type": "Park",
                "visitors": {"type": "Property", "value": 7},
            }
        ]
    )
    result = await bring(city, write("parks.csv", HEADER + ROWS[0].replace("噴水あり", "") + ROWS[1] + ROWS[2]))
    park = (await all_parks(city))["中央公園"]
    assert result.written == 1
    assert "note" not in park
    assert park["visitors"]["value"] == 7
    assert park["contactPoint"]["value"] == {"telephone": "087-111-1111"}


async def test_a_correction_by_hand_stays(host: Host, write: Any) -> None:
    city = host.city()
    path = write("parks.csv", HEADER + "".join(ROWS))
    await bring(city, path)
    park = (await all_parks(city))["中央公園"]
    signed = {"type": "Property", "value": "噴水は撤去", "editedBy": {"type": "Property", "value": "佐藤"}}
    await city.write([{"id": park["id"], "type": "Park", "note": signed}])
    seq = await city.last_seq()
    result = await bring(city, path)
    assert (result.written, result.unchanged, result.kept) == (0, 3, 1)
    assert await city.last_seq() == seq
    assert (await all_parks(city))["中央公園"]["note"]["value"] == "噴水は撤去"


async def test_undo_brings_back_exactly_what_was(host: Host, write: Any, tmp_path: Path) -> None:
    city = host.city()
    await bring(city, write("parks.csv", HEADER + ROWS[0] + ROWS[1]))
    before = await all_parks(city)
    journal = Journal(tmp_path / "journal.jsonl")
    # one attribute changes, one goes, one comes, one park comes
    changed = ROWS[0].replace("087-111-1111", "").replace("噴水あり", "改修")
    newer = HEADER + changed + ROWS[1].replace(",\n", ",遊具あり\n") + ROWS[2]
    result = await bring(city, write("newer.csv", newer), journal=journal)
    assert (result.written, result.unchanged) == (3, 0)
    assert (await all_parks(city))["東公園"]["note"]["value"] == "遊具あり"
    undone = await undo(city, journal)
    assert (undone.restored, undone.left) == (3, [])
    assert await all_parks(city) == before


async def test_undo_leaves_what_people_worked_on_since(host: Host, write: Any, tmp_path: Path) -> None:
    city = host.city()
    journal = Journal(tmp_path / "journal.jsonl")
    await bring(city, write("parks.csv", HEADER + "".join(ROWS)), journal=journal)
    park = (await all_parks(city))["東公園"]
    await city.write([{"id": park["id"], "type": "Park", "visitors": {"type": "Property", "value": 3}}])
    undone = await undo(city, journal)
    assert undone.left == [park["id"]]
    assert list(await all_parks(city)) == ["東公園"]


async def test_rows_that_are_gone_are_listed_and_stay_until_consent(host: Host, write: Any, tmp_path: Path) -> None:
    city = host.city()
    await bring(city, write("parks_2025.csv", HEADER + "".join(ROWS)))
    before = await all_parks(city)
    result = await bring(city, write("parks_2026.csv", HEADER + ROWS[0] + ROWS[1]))
    assert result.gone == [{"id": before["西公園"]["id"], "name": "西公園"}]
    assert await all_parks(city) == before
    journal = Journal(tmp_path / "journal.jsonl")
    assert await retire(city, [entry["id"] for entry in result.gone], journal=journal) == 1
    assert set(await all_parks(city)) == {"中央公園", "東公園"}
    assert (await undo(city, journal)).restored == 1
    assert await all_parks(city) == before


async def test_another_file_of_the_same_type_is_not_gone(host: Host, write: Any) -> None:
    city = host.city()
    await bring(city, write("north.csv", (HEADER + ROWS[0]).replace("公園", "商店")))
    result = await bring(city, write("south.csv", (HEADER + ROWS[1]).replace("公園", "商店")))
    assert result.written == 1
    assert result.gone == []


async def test_a_survey_of_another_year_is_not_an_older_edition(host: Host, write: Any) -> None:
    city = host.city()
    header = "全国地方公共団体コード,調査年月日,地域名,総人口\n"
    rows = "372013,{year}-04-01,塩屋町,225\n372013,{year}-04-01,築地町,704\n"
    await bring(city, write("人口2019.csv", header + rows.format(year=2019)))
    later = await bring(city, write("人口2024.csv", header + rows.format(year=2024)))
    assert (later.written, later.gone) == (2, [])
    corrected = await bring(city, write("人口2024.csv", header + rows.format(year=2024).splitlines()[0] + "\n"))
    assert [entry["name"] for entry in corrected.gone] == ["築地町"]


async def test_nothing_is_written_of_a_file_that_breaks_further_down(host: Host, write: Any) -> None:
    city = host.city()
    path = write("parks.csv", HEADER + ROWS[0] * 1500 + '"' + "x" * 200_000)
    with pytest.raises(Unreadable) as error:
        await bring(city, path)
    assert error.value.line == 1502
    assert await city.last_seq() == 0
    assert await all_parks(city) == {}


async def test_what_the_city_refuses_is_a_reject_with_its_line(host: Host, write: Any) -> None:
    city = host.city()
    good = '{"id": "urn:x:1", "type": "T", "a": 1}'
    bad = '{"id": "urn:x:2", "type": "T", "seen": {"type": "Property", "value": 1, "unitCode": 7}}'
    path = write("things.json", f"[{good}, {bad}]")
    (dataset,) = open_source(path, path.name)
    rejects: list[Reject] = []
    result = await run_import(city, dataset, on_reject=rejects.append)
    assert (result.written, result.rejected) == (1, 1)
    assert [(reject.line, reject.reason.code) for reject in rejects] == [(2, "refused")]
    assert await city.entity("urn:x:2") is None


async def test_batches_cover_everything_once(host: Host, write: Any) -> None:
    city = host.city()
    rows = "".join(f"公園{n},34.{n + 10000:05d},134.05,高松市{n}番,,\n" for n in range(1203))
    steps: list[int] = []
    result = await bring(city, write("parks.csv", HEADER + rows), on_step=lambda progress: steps.append(progress.read))
    assert (result.total, result.written) == (1203, 1203)
    assert steps == [500, 1000, 1203]
    assert (await city.entities(types="Park", limit=1, count=True)).count == 1203


@pytest.mark.data
@pytest.mark.parametrize("file", ["aed.csv", "hospitals.csv", "events.csv", "public_toilets.csv", "reservoirs.csv"])
async def test_real_files_twice(host: Host, open_data: Path, file: str) -> None:
    city = host.city()
    path = open_data / "01_city_takamatsu" / file
    (dataset,) = open_source(path, path.name)
    first = await run_import(city, dataset)
    seq = await city.last_seq()
    second = await run_import(city, dataset)
    assert first.written == second.unchanged > 0
    assert second.written == 0
    assert second.gone == []
    assert await city.last_seq() == seq


@pytest.mark.data
async def test_all_examples_of_smart_data_models_twice(host: Host, open_data: Path) -> None:
    paths = sorted((open_data / "07_ngsi_examples").glob("*/example*.json*"))
    assert len(paths) > 100
    flawed: set[tuple[str, str, str]] = set()
    for path in paths:
        city = host.city(f"{path.parent.name}-{path.suffix[1:]}-{path.stem}".lower().replace("-", "_"))
        (dataset,) = open_source(path, path.name)
        first = await run_import(city, dataset)
        assert first.written == 1, path
        flawed |= {(path.parent.name, reject.column, reject.reason.code) for reject in first.rejects}

        seq = await city.last_seq()
        assert (await run_import(city, dataset)).unchanged == 1, path
        assert await city.last_seq() == seq
    assert flawed == {
        ("RoadAccident", "location", "swapped_coordinates"),
        ("SolarEnergy", "location", "not_a_coordinate"),
        ("WaterObserved", "dateObserved", "not_a_uri"),
    }
