"""Build the OpenAPI document from the routes and the words for them."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import yaml

from hiroba import __version__
from hiroba.kernel.api.parameters import Parameters

LANGUAGES: Final = ("ja", "en")
_HERE: Final = Path(__file__).parent
_TITLES: Final = {"ja": "Hiroba ブローカー", "en": "The broker of Hiroba"}
_ABOUT: Final = {
    "ja": "NGSI-LD（ETSI GS CIM 009）と変化の流れ。誤りはすべて問題詳細（RFC 7807）で返る。",
    "en": "NGSI-LD (ETSI GS CIM 009) and the stream of changes. Every error is a problem document (RFC 7807).",
}
_DONE: Final = {
    "200": {"ja": "結果", "en": "The result"},
    "201": {"ja": "作られた", "en": "Created"},
    "204": {"ja": "済んだ", "en": "Done"},
    "206": {"ja": "結果の一部", "en": "Part of the result"},
    "207": {"ja": "一部だけ済んだ", "en": "Done in part"},
}
_FAILED: Final = {"ja": "誤りとその直し方", "en": "What is wrong and how to mend it"}
_MEDIA: Final = {"Text": "text/plain", "EventStream": "text/event-stream", "Context": "application/ld+json"}
_TENANT: Final = {
    "name": "NGSILD-Tenant",
    "in": "header",
    "schema": {"type": "string"},
    "description": {"ja": "テナント（なければ既定）", "en": "Tenant, the default one without it"},
}
_LINK: Final = {
    "name": "Link",
    "in": "header",
    "schema": {"type": "string"},
    "description": {
        "ja": '@context の場所（<URL>; rel="http://www.w3.org/ns/json-ld#context"）',
        "en": 'Where the @context is: <URL>; rel="http://www.w3.org/ns/json-ld#context"',
    },
}
_PATH_PARAMETERS: Final = {"ja": "識別子か名前", "en": "Id or name"}


@functools.cache
def words(name: str) -> dict[str, Any]:
    """Return one of the files of words as it is written."""
    document: dict[str, Any] = yaml.safe_load((_HERE / f"{name}.yaml").read_text(encoding="utf-8"))
    return document


def describe(modules: Sequence[ModuleType], lang: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of these modules' routes in a language, `ja` or `en`.

    Raises KeyError for a route or a parameter that has no words.
    """
    paths: dict[str, dict[str, Any]] = {}
    tags = []
    for module in modules:
        name = module.__name__.rpartition(".")[2]
        known = words("operations")[name]
        tags.append({"name": name, "description": known["title"][lang]})
        for method, path, handler, *rest in module.ROUTES:
            operation = _operation(name, known["operations"][handler.__name__], handler, path=path, lang=lang)
            operation["parameters"] += list(
                _query(rest[0] if rest else None, known["operations"][handler.__name__], lang)
            )
            paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLES[lang], "version": __version__, "description": _ABOUT[lang]},
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": words("schemas"),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(tag: str, known: dict[str, Any], handler: Any, *, path: str, lang: str) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "description": _PATH_PARAMETERS[lang],
        }
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    if path.startswith("/ngsi-ld/"):
        parameters += [_said(one, lang) for one in (_TENANT, _LINK)]
    operation: dict[str, Any] = {
        "tags": [tag],
        "operationId": f"{tag}.{handler.__name__}",
        "summary": known["title"][lang],
        "description": " ".join((inspect.getdoc(handler) or "").split()),
        "parameters": parameters,
        "responses": {status: _answer(status, schema, lang) for status, schema in known["answers"].items()},
    }
    operation["responses"]["default"] = {"description": _FAILED[lang], "content": _content("ProblemDetails")}
    if "body" in known:
        content = _content(known["body"]) | (
            {"application/ld+json": {"schema": _ref(known["body"])}} if known["body"] != "Context" else {}
        )
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _query(parameters: Parameters | None, known: dict[str, Any], lang: str) -> Iterator[dict[str, Any]]:
    for name in known.get("parameters") or sorted(parameters.names if parameters is not None else ()):
        about = words("parameters")[name]
        schema = dict(about["schema"])
        if name == "options" and parameters is not None:
            about = about | {"about": {lang: f"{about['about'][lang]}: {', '.join(sorted(parameters.options))}"}}
        found = {"name": name, "in": "query", "schema": schema, "description": about["about"][lang]}
        if "example" in about:
            found["example"] = about["example"]
        yield found


def _said(parameter: dict[str, Any], lang: str) -> dict[str, Any]:
    return parameter | {"description": parameter["description"][lang]}


def _answer(status: str, schema: str | None, lang: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _DONE[status][lang]}
    if schema is not None:
        answer["content"] = _content(schema)
    return answer


def _content(schema: str) -> dict[str, Any]:
    return {_MEDIA.get(schema, "application/json"): {"schema": _ref(schema)}}


def _ref(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}
