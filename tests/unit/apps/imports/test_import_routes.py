"""The app's routes, as the console calls them, on a real city in memory."""

from __future__ import annotations

import asyncio
import csv
import errno
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest

from hiroba.apps import imports
from hiroba.host.manifests import read_manifest, read_texts
from hiroba.sdk import App, Host, errors, testing
from hiroba.sdk.testing import Answered

HEADER = "名称,緯度,経度,住所,電話番号,メモ欄\n"
ROWS = [
    "A公園,34.34,134.05,高松市番町1,087-111-1111,x\n",
    "B公園,34.35,134.06,高松市東町1,,y\n",
    "C公園,134.06,34.35,高松市,,\n",
]


async def request(app: App, method: str, target: str, **options: Any) -> Answered:
    return await testing.request(app, method, target, **options)


@pytest.fixture
async def app(host: Host, tmp_path: Path) -> AsyncIterator[App]:
    folder = Path(imports.__file__).parent
    made = App(read_manifest(folder, kind="app"), host, data_dir=tmp_path / "data", texts=read_texts(folder))
    imports.setup(made)
    await made.start()
    yield made
    await made.stop()


async def send(app: App, name: str, content: str | bytes, **query: str) -> Answered:
    target = "/uploads?" + "&".join(f"{key}={quote(value)}" for key, value in query.items())
    body = content if isinstance(content, bytes) else content.encode()
    return await request(app, "POST", target, body=body, headers={"X-File-Name": quote(name)})


async def carry_out(app: App, upload: str, body: bytes = b'{"retire": false}') -> dict[str, Any]:
    begun = await request(app, "POST", f"/uploads/{upload}/run", body=body)
    assert begun.status == 202
    return await ended(app, begun.json()["job"])


async def ended(app: App, job: str) -> dict[str, Any]:
    for _ in range(500):
        found = (await request(app, "GET", f"/jobs/{job}?lang=ja")).json()
        if found["state"] != "running":
            return dict(found)
        await asyncio.sleep(0.01)
    raise AssertionError("the import does not end")


async def test_drop_a_file_look_and_import(app: App) -> None:
    answer = await send(app, "公園.csv", HEADER + "".join(ROWS))
    assert answer.status == 201
    shown = answer.json()
    assert (shown["file"], shown["format"], shown["encoding"]) == ("公園.csv", "csv", "utf-8")
    assert shown["dataset"] == {"id": "parks", "title": {"ja": "公園", "en": "Parks"}}
    assert (shown["type"], shown["rows"], shown["rejected"]) == ("Park", 3, 1)
    assert shown["key"] == ["name", "address.streetAddress", "location"]
    columns = {column["name"]: column for column in shown["columns"]}
    assert columns["電話番号"]["attribute"] == "contactPoint.telephone"
    assert columns["電話番号"]["title"] == {"ja": "電話番号", "en": "Telephone"}
    assert columns["電話番号"]["sample"] == ["087-111-1111"]
    assert {"name": "note", "title": {"ja": "備考", "en": "Note"}} in shown["attributes"]
    assert shown["entities"][0]["name"] == "A公園"
    assert shown["entities"][0]["location"] == {"type": "Point", "coordinates": [134.05, 34.34]}
    (reject,) = shown["rejects"]
    assert (reject["line"], reject["column"], reject["value"]) == (4, "緯度", "134.06, 34.35")
    assert reject["reasons"]["ja"] == "緯度と経度が入れ替わっています（134.06, 34.35）"
    assert await app.city().types() == {}, "looking writes nothing"
    job = await carry_out(app, shown["upload"])
    assert job["state"] == "done"
    assert (job["total"], job["read"], job["written"], job["unchanged"], job["rejected"]) == (3, 3, 2, 0, 1)
    assert job["rejects"][0]["reason"] == "緯度と経度が入れ替わっています（134.06, 34.35）"
    assert (await app.city().types()) == {"Park": 2}
    assert [found["job"] for found in (await request(app, "GET", "/jobs")).json()] == [job["job"]]


async def test_correct_the_mapping_before_the_import(app: App) -> None:
    shown = (
        await send(app, "list.csv", HEADER.replace("名称", "よび名") + "".join(ROWS[:2]).replace("公園", "堂"))
    ).json()
    assert shown["type"] == "PointOfInterest"
    body = '{"type": "Shop", "columns": {"よび名": "name", "メモ欄": null, "住所": "address.streetAddress"}}'
    answer = await request(app, "PUT", f"/uploads/{shown['upload']}/mapping", body=body.encode())
    corrected = answer.json()
    assert (answer.status, corrected["type"]) == (200, "Shop")
    assert {column["name"]: column["attribute"] for column in corrected["columns"]}["メモ欄"] is None
    await carry_out(app, shown["upload"])
    (first, _) = (await app.city().entities(types="Shop", simplified=True)).entities
    assert first["name"] == "A堂"
    assert "メモ欄" not in first


async def test_a_table_of_unknown_kind_waits_for_a_type(app: App) -> None:
    shown = (await send(app, "x.csv", "色,味\n赤,甘い\n青,苦い\n")).json()
    assert (shown["type"], shown["entities"], shown["rejects"][0]["line"]) == (None, [], 0)
    refused = await request(app, "POST", f"/uploads/{shown['upload']}/run")
    assert (refused.status, "type" in refused.json()["detail"]) == (400, True)
    assert (await request(app, "GET", "/jobs")).json() == []
    body = '{"type": "Sweet", "columns": {"色": "color", "味": "taste"}}'.encode()
    corrected = (await request(app, "PUT", f"/uploads/{shown['upload']}/mapping", body=body)).json()
    assert corrected["entities"][0]["taste"] == "甘い"
    assert (await carry_out(app, shown["upload"]))["written"] == 2


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("[]", "object"),
        ('{"type": ""}', "type"),
        ('{"type": "Park", "columns": {"nonesuch": "name"}}', "nonesuch"),
        ('{"type": "Park", "columns": {"名称": 3}}', "名称"),
        ('{"type": "Park", "columns": ["名称"]}', "columns"),
        ("{", "JSON"),
    ],
)
async def test_a_bad_correction_changes_nothing(app: App, body: str, named: str) -> None:
    shown = (await send(app, "公園.csv", HEADER + "".join(ROWS))).json()
    answer = await request(app, "PUT", f"/uploads/{shown['upload']}/mapping", body=body.encode())
    assert answer.status == 400
    assert named in answer.json()["detail"]
    again = (await request(app, "GET", f"/uploads/{shown['upload']}")).json()
    assert again == shown


async def test_undo(app: App) -> None:
    shown = (await send(app, "公園.csv", HEADER + "".join(ROWS))).json()
    job = await carry_out(app, shown["upload"])
    answer = await request(app, "POST", f"/jobs/{job['job']}/undo")
    assert (answer.status, answer.json()["state"]) == (200, "undone")
    assert await app.city().types() == {}
    assert (await request(app, "POST", f"/jobs/{job['job']}/undo")).status == 409


async def test_gone_rows_are_retired_only_on_consent(app: App) -> None:
    first = (await send(app, "公園.csv", HEADER + "".join(ROWS[:2]))).json()
    await carry_out(app, first["upload"])
    second = (await send(app, "公園.csv", HEADER + ROWS[0])).json()
    job = await carry_out(app, second["upload"])
    assert [entry["name"] for entry in job["gone"]] == ["B公園"]
    assert (await app.city().types()) == {"Park": 2}
    other = await request(app, "POST", f"/jobs/{job['job']}/retire", body=b'{"ids": ["urn:ngsi-ld:Park:other:1"]}')
    assert other.status == 400
    assert (await app.city().types()) == {"Park": 2}
    body = f'{{"ids": ["{job["gone"][0]["id"]}"]}}'.encode()
    answer = await request(app, "POST", f"/jobs/{job['job']}/retire", body=body)
    assert (answer.json()["retired"], answer.json()["gone"]) == (1, [])
    assert (await app.city().types()) == {"Park": 1}


async def test_another_tenant_sees_none_of_it(app: App) -> None:
    shown = (await send(app, "公園.csv", HEADER + "".join(ROWS), tenant="a")).json()
    assert (await request(app, "GET", f"/uploads/{shown['upload']}")).status == 404
    begun = await request(app, "POST", f"/uploads/{shown['upload']}/run?tenant=a")
    job = begun.json()["job"]
    while (await request(app, "GET", f"/jobs/{job}?tenant=a")).json()["state"] == "running":
        await asyncio.sleep(0.01)
    assert (await request(app, "GET", f"/jobs/{job}")).status == 404
    assert (await request(app, "GET", "/jobs")).json() == []
    assert await app.city("").types() == {}
    assert await app.city("a").types() == {"Park": 2}


async def test_the_report_has_every_reject(app: App) -> None:
    bad = "".join(f"公園{n},134.05,34.3,高松市,,\n" for n in range(300))
    shown = (await send(app, "公園.csv", HEADER + bad + ROWS[0])).json()
    job = await carry_out(app, shown["upload"])
    assert (job["rejected"], len(job["rejects"])) == (300, 200)
    answer = await request(app, "GET", f"/jobs/{job['job']}/report.csv")
    assert answer.body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"))))
    assert len(rows) == 300
    assert (rows[0]["file"], rows[0]["line"], rows[299]["line"]) == ("公園.csv", "2", "301")


async def test_entities_with_a_flaw_are_told_of_and_remembered(app: App) -> None:
    flawed = (
        '{"id": "urn:x:1", "type": "T", "seen": {"type": "Property", "value": 1, "observedAt": "yesterday"}, "a": 2}'
    )
    refused = '{"id": "urn:x:2", "type": "T", "b": {"type": "Property", "value": 1, "unitCode": 7}}'
    shown = (await send(app, "a.jsonld", f"[{flawed}, {refused}]")).json()
    assert (shown["format"], shown["columns"], shown["type"]) == ("ngsi", [], "T")
    job = await carry_out(app, shown["upload"])
    assert (job["state"], job["written"], job["rejected"]) == ("done", 1, 1)
    assert [(one["line"], one["column"], one["row"]) for one in job["rejects"]] == [(1, "seen", False), (2, "", True)]
    body = b'{"type": "U"}'
    assert (await request(app, "PUT", f"/uploads/{shown['upload']}/mapping", body=body)).status == 400


async def test_a_full_disk_is_503_and_nothing_is_kept(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("hiroba.apps.imports.uploads.open_source", full)
    answer = await send(app, "a.csv", HEADER)
    assert (answer.status, "No space left" in answer.json()["detail"]) == (503, True)
    assert not list((app.data_dir / "uploads").iterdir())


async def test_files_over_the_limit_and_of_no_use_leave_nothing(app: App) -> None:
    folder = app.data_dir / "uploads"
    for name, content in (("a.png", b"\x89PNG\r\n"), ("a.csv", b""), ("a.csv", b"%PDF-1.7"), ("a.json", b'{"a": ')):
        answer = await send(app, name, content)
        assert answer.status == 400
        assert answer.json()["reasons"].keys() == {"ja", "en"}
    assert not folder.exists() or not list(folder.iterdir())


async def test_too_large_is_said_before_parsing(host: Host, tmp_path: Path) -> None:
    folder = Path(imports.__file__).parent
    small = App(read_manifest(folder, kind="app"), host, data_dir=tmp_path / "small", settings={"upload_limit_mb": 1})
    imports.setup(small)
    answer = await send(small, "big.csv", b"a,b\n" * 400_000)
    assert answer.status == 413
    assert not (tmp_path / "small" / "uploads").exists()

    async def undeclared() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"a,b\n" * 10_000

    answer = await request(small, "POST", "/uploads", body=undeclared(), headers={"X-File-Name": "big.csv"})
    assert answer.status == 413
    assert not list((tmp_path / "small" / "uploads").iterdir())


async def test_jobs_survive_a_restart_and_an_unfinished_one_has_failed(app: App, host: Host, tmp_path: Path) -> None:
    shown = (await send(app, "公園.csv", HEADER + "".join(ROWS))).json()
    job = await carry_out(app, shown["upload"])
    state = app.data_dir / "jobs" / job["job"] / "job.json"
    state.write_bytes(state.read_bytes().replace(b'"state":"done"', b'"state":"running"'))
    folder = Path(imports.__file__).parent
    again = App(read_manifest(folder, kind="app"), host, data_dir=app.data_dir)
    imports.setup(again)
    await again.start()
    found = (await request(again, "GET", f"/jobs/{job['job']}?lang=en")).json()
    assert found["state"] == "failed"
    assert "undone" in found["error"]
    assert found["rejects"][0]["line"] == 4
    assert (await request(again, "POST", f"/jobs/{job['job']}/undo")).json()["state"] == "undone"
    assert await again.city().types() == {}
    await again.stop()


async def test_an_import_that_cannot_write_has_failed_and_says_so(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise errors.StoreUnavailable("the disk is full")

    shown = (await send(app, "公園.csv", HEADER + "".join(ROWS))).json()
    monkeypatch.setattr("hiroba.apps.imports.running.read_many", broken)
    job = await carry_out(app, shown["upload"])
    assert (job["state"], job["written"]) == ("failed", 0)
    assert "the disk is full" in job["error"]
    assert await app.city().types() == {}
    assert (await request(app, "POST", f"/jobs/{job['job']}/undo")).json()["state"] == "undone"


@pytest.fixture
async def filled(app: App) -> App:
    rows = 'A公園,34.34,134.05,"高松市番町1, 2階",087-111-1111,=1+1\n' + ROWS[1]
    shown = (await send(app, "公園.csv", HEADER + rows)).json()
    assert (await carry_out(app, shown["upload"]))["written"] == 2
    return app


async def test_export_as_csv(filled: App) -> None:
    answer = await request(filled, "GET", "/export?type=Park&format=csv&lang=ja")
    assert answer.status == 200
    assert answer.body.startswith(b"\xef\xbb\xbf")
    assert quote("公園.csv") in answer.headers["content-disposition"]
    first, second = csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig")))
    assert (first["name"], first["latitude"], first["longitude"]) == ("A公園", "34.34", "134.05")
    assert first["address.streetAddress"] == "高松市番町1, 2階"
    assert first["メモ欄"] == "'=1+1"
    assert (second["contactPoint.telephone"], second["メモ欄"]) == ("", "y")


async def test_an_export_comes_in_again(filled: App) -> None:
    before = (await filled.city().entities(types="Park", simplified=True)).entities
    answer = await request(filled, "GET", "/export?type=Park&format=geojson")
    features = answer.json()["features"]
    assert [feature["geometry"] for feature in features] == [entity["location"] for entity in before]
    assert features[0]["properties"]["name"] == "A公園"
    shown = (await send(filled, "公園.csv", (await request(filled, "GET", "/export?type=Park&format=csv")).body)).json()
    assert shown["rows"] == 2
    assert [entity["location"] for entity in shown["entities"]] == [entity["location"] for entity in before]


async def test_export_as_excel(filled: App) -> None:
    answer = await request(filled, "GET", "/export?type=Park&format=xlsx&lang=ja")
    book = openpyxl.load_workbook(io.BytesIO(answer.body))
    rows = list(book["公園"].iter_rows(values_only=True))
    assert rows[0][:5] == ("id", "type", "name", "latitude", "longitude")
    assert rows[1][2:5] == ("A公園", 34.34, 134.05)
    assert len(rows) == 3


@pytest.mark.parametrize(("query", "status"), [("format=csv", 400), ("type=Park&format=pdf", 400), ("type=None", 404)])
async def test_a_bad_export_is_refused(app: App, query: str, status: int) -> None:
    assert (await request(app, "GET", f"/export?{query}")).status == status
