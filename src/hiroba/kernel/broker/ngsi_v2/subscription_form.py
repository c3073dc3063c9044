"""Check NGSIv2 subscriptions as Orion does, word by word where clients look at it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import urlsplit

from hiroba.kernel.model.ngsi_v2.attributes import check_value
from hiroba.kernel.model.ngsi_v2.errors import OrionError, bad_request
from hiroba.kernel.model.ngsi_v2.macros import MACRO, is_plain
from hiroba.kernel.model.ngsi_v2.names import check_identifier, has_forbidden
from hiroba.kernel.model.ngsi_v2.values import moment_of
from hiroba.kernel.query.ngsi_v2 import check_pattern, parse_places, parse_q

Body = dict[str, Any]

PROTOCOLS: Final = ("http", "httpCustom", "mqtt", "mqttCustom", "kafka", "kafkaCustom")
ALTERATIONS: Final = ("entityUpdate", "entityChange", "entityCreate", "entityDelete")
STATUSES: Final = ("active", "inactive", "oneshot")
FORMATS: Final = ("normalized", "simplifiedNormalized", "keyValues", "simplifiedKeyValues", "values")
METHODS: Final = ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT")
READ_ONLY: Final = (
    "timesSent",
    "lastNotification",
    "lastFailure",
    "lastFailureReason",
    "lastSuccess",
    "lastSuccessCode",
    "failsCounter",
)
HIDDEN: Final = "*****"
_LONGEST_DESCRIPTION: Final = 1024
_LONGEST_TIMEOUT: Final = 1_800_000
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~{}-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")
_HEADER_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")


def check_subscription(body: Any, *, schemes: Collection[str], whole: bool) -> Body:
    """Return a checked subscription (or, not `whole`, the members of one to be replaced); raises OrionError."""
    if not isinstance(body, dict):
        raise bad_request("not a JSON object")
    if not body:
        raise bad_request("empty payload")
    clean = {name: body[name] for name in ("description", "expires", "status", "throttling") if name in body}
    _top(clean)
    if whole and "subject" not in body:
        raise bad_request("no subject for subscription specified")
    if whole and "notification" not in body:
        raise bad_request("no notification for subscription specified")
    if "subject" in body:
        clean["subject"] = _subject(body["subject"])
    if "notification" in body:
        clean["notification"] = _notification(body["notification"], schemes)
    return clean


def _top(clean: Body) -> None:
    description = clean.get("description")
    if description is not None:
        _string(description, "description")
        if len(description) > _LONGEST_DESCRIPTION:
            raise bad_request(f"max description length exceeded ({_LONGEST_DESCRIPTION})")
        _harmless(description, "subscription description")
    if "expires" in clean:
        _string(clean["expires"], "expires")
        if clean["expires"] and moment_of(clean["expires"]) is None:
            raise bad_request("expires has an invalid format")
    if "status" in clean:
        _string(clean["status"], "status")
        if clean["status"] == "expired":
            # what was read is sent back; whether it has expired is for `expires` to say
            clean["status"] = "active"
        if clean["status"] not in STATUSES:
            raise bad_request("status is not valid: it has to be either active, inactive or oneshot")
    if "throttling" in clean:
        _integer(clean["throttling"], "throttling", most=10**9)


def _subject(raw: Any) -> Body:
    if not isinstance(raw, dict):
        raise bad_request("subject is not an object")
    _known(raw, ("entities", "condition"), "subject")
    if "entities" not in raw:
        raise bad_request("no subject entities specified")
    if not isinstance(raw["entities"], list):
        raise bad_request("subject entities is not an array")
    if not raw["entities"]:
        raise bad_request("subject entities is empty")
    for one in raw["entities"]:
        check_selector(one)
    clean: Body = {"entities": raw["entities"]}
    if "condition" in raw:
        clean["condition"] = _condition(raw["condition"])
    return clean


def check_selector(raw: Any) -> None:
    """Raise OrionError for what cannot choose entities."""
    if not isinstance(raw, dict):
        raise bad_request("subject entities element is not an object")
    _known(raw, ("id", "idPattern", "type", "typePattern"), "subject entities element")
    if "id" not in raw and "idPattern" not in raw:
        raise bad_request("subject entities element does not have id nor idPattern")
    for one, other in (("id", "idPattern"), ("type", "typePattern")):
        if one in raw and other in raw:
            raise bad_request(f"subject entities element has both {one} and {other}")
    if "id" in raw:
        check_identifier(raw["id"], "entity id")
    if "type" in raw:
        check_identifier(raw["type"], "entity type")
    for name in ("idPattern", "typePattern"):
        if name in raw:
            _string(raw[name], f"{name}")
            check_pattern(raw[name], f"entity {name}")


def _condition(raw: Any) -> Body:
    if not isinstance(raw, dict):
        raise bad_request("condition is not an object")
    if not raw:
        raise bad_request("empty condition")
    if "jexlExpression" in raw:
        raise OrionError(501, "NotImplemented", "jexlExpression is not supported here; use expression")
    _known(raw, ("attrs", "expression", "alterationTypes", "notifyOnMetadataChange"), "condition")
    if "attrs" in raw:
        _attributes(raw["attrs"], "condition attrs")
    if "notifyOnMetadataChange" in raw:
        _boolean(raw["notifyOnMetadataChange"], "notifyOnMetadataChange")
    if "alterationTypes" in raw:
        _strings(raw["alterationTypes"], "alterationTypes")
        for one in raw["alterationTypes"]:
            if one not in ALTERATIONS:
                raise bad_request(f"unknown subscription alterationType: {one}")
    if "expression" in raw:
        _expression(raw["expression"])
    return raw


def _expression(raw: Any) -> None:
    if not isinstance(raw, dict):
        raise bad_request("expression is not an object")
    if not raw:
        raise bad_request("empty expression")
    for name, value in raw.items():
        _string(value, name)
        if not value:
            raise bad_request(f"{name} is empty")
    for name in ("q", "mq"):
        if name in raw:
            parse_q(raw[name], name)
    parse_places(raw.get("georel"), raw.get("geometry"), raw.get("coords"))


def _notification(raw: Any, schemes: Collection[str]) -> Body:
    if not isinstance(raw, dict):
        raise bad_request("notification is not an object")
    if not raw:
        raise bad_request("empty notification")
    clean = {name: value for name, value in raw.items() if name not in READ_ONLY}
    chosen = [name for name in PROTOCOLS if name in clean]
    if not chosen:
        raise bad_request("http, httpCustom, mqtt, mqttCustom, kafka or kafkaCustom is missing")
    if len(chosen) > 1:
        raise bad_request("only one of http, httpCustom, mqtt, mqttCustom, kafka or kafkaCustom is allowed")
    if chosen[0].startswith("kafka"):
        raise OrionError(501, "NotImplemented", "notifications to Kafka are not supported here; use http or mqtt")
    _known(
        clean,
        (
            *("attrs", "exceptAttrs", "metadata", "attrsFormat", "onlyChangedAttrs", "covered", "maxFailsLimit"),
            chosen[0],
        ),
        "notification",
    )
    _how(clean)
    _endpoint(clean[chosen[0]], chosen[0], schemes)
    return clean


def _how(clean: Body) -> None:
    for name in ("attrs", "exceptAttrs", "metadata"):
        if name in clean:
            _attributes(clean[name], name)
    if "attrs" in clean and "exceptAttrs" in clean:
        raise bad_request("http notification has both exceptAttrs and attrs")
    if clean.get("exceptAttrs") == []:
        raise bad_request("exceptAttrs is empty")
    for name in ("onlyChangedAttrs", "covered"):
        if name in clean:
            _boolean(clean[name], name)
    if clean.get("covered") and not clean.get("attrs"):
        raise bad_request("covered true cannot be used if notification attributes list is empty")
    if "attrsFormat" in clean:
        _string(clean["attrsFormat"], "attrsFormat")
        if clean["attrsFormat"] == "legacy":
            raise bad_request("attrsFormat legacy is NGSIv1, which is not supported")
        if clean["attrsFormat"] not in FORMATS:
            raise bad_request(
                "invalid attrsFormat, accepted values: normalized, simplifiedNormalized, keyValues, "
                "simplifiedkeyValues, values"
            )
    if "maxFailsLimit" in clean:
        _integer(clean["maxFailsLimit"], "maxFailsLimit", most=10**9)
        if clean["maxFailsLimit"] == 0:
            raise bad_request("maxFailsLimit must be greater than zero")


def _endpoint(raw: Any, protocol: str, schemes: Collection[str]) -> None:
    if not isinstance(raw, dict):
        raise bad_request(f"{protocol} notification is not an object")
    named = protocol.removesuffix("Custom")
    if "url" not in raw:
        raise bad_request(f"url {protocol} notification is missing")
    if not isinstance(raw["url"], str):
        raise bad_request(f"url {protocol} notification is not a string")
    _harmless(raw["url"], f"{protocol} url", but="=;()'")
    if named == "http":
        _http_url(raw["url"], custom=protocol != named)
        _timeout(raw)
    else:
        _mqtt(raw, schemes)
    known = {"http": ("url", "timeout"), "mqtt": ("url", "topic", "qos", "retain", "user", "passwd")}[named]
    if protocol == named:
        _known(raw, known, protocol)
        return
    extra = ("headers", "qs", "method") if named == "http" else ()
    _known(raw, (*known, *extra, "payload", "json", "ngsi"), protocol)
    _custom(raw, protocol)


def _http_url(url: str, *, custom: bool) -> None:
    if url.startswith(("mqtt://", "mqtts://")):
        raise bad_request("mqtt URL cannot be used in http notifications")
    try:
        parts = urlsplit(MACRO.sub("x", url) if custom else url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or any(one.isspace() for one in url):
        raise bad_request("Invalid URL parsing notification url")


def _timeout(raw: Body) -> None:
    if "timeout" not in raw:
        return
    value = raw["timeout"]
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request("timeout is not an int")
    if not 0 <= value <= _LONGEST_TIMEOUT:
        raise bad_request(f"timeout field must be an integer between 0 and {_LONGEST_TIMEOUT}")


def _mqtt(raw: Body, schemes: Collection[str]) -> None:
    try:
        parts = urlsplit(raw["url"])
        fine = parts.scheme in ("mqtt", "mqtts") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or parts.scheme not in schemes:
        raise bad_request("Invalid URL parsing notification url")
    if parts.path.strip("/"):
        raise bad_request("path cannot be used in mqtt url, use topic instead")
    if "topic" not in raw:
        raise bad_request("topic mqtt notification is missing")
    if not isinstance(raw["topic"], str):
        raise bad_request("topic mqtt notification is not a string")
    if not raw["topic"] or set("+#\0") & set(raw["topic"]):
        raise bad_request("+ and # are not allowed in mqtt field /topic/")
    _harmless(raw["topic"], "mqtt topic")
    if "qos" in raw:
        if isinstance(raw["qos"], bool) or not isinstance(raw["qos"], int):
            raise bad_request("qos is not an int")
        if raw["qos"] not in (0, 1, 2):
            raise bad_request("mqtt qos field must be an integer in the 0 to 2 range")
    if "retain" in raw:
        _boolean(raw["retain"], "retain")
    if ("user" in raw) != ("passwd" in raw):
        raise bad_request("you must use user and passwd fields simultaneously")
    for name in ("user", "passwd"):
        if name in raw:
            _string(raw[name], name)


def _custom(raw: Body, protocol: str) -> None:
    given = [name for name in ("payload", "json", "ngsi") if name in raw]
    if len(given) > 1:
        raise bad_request(
            "only one of payload, json or ngsi fields accepted at the same time in httpCustom, mqttCustom or "
            "kafkaCustom"
        )
    method = raw.get("method", "POST")
    if not isinstance(method, str) or method.upper() not in METHODS:
        raise bad_request("unknown HTTP method")
    if raw.get("payload") is not None:
        _string(raw["payload"], "payload")
        _harmless(raw["payload"], f"{protocol} payload")
    if "json" in raw:
        if not isinstance(raw["json"], dict | list):
            raise bad_request("json fields in httpCustom, mqttCustom or kafkaCustom must be object or array")
        check_value(raw["json"], "TextUnrestricted")
    if "ngsi" in raw:
        _fragment(raw["ngsi"])
    for name in ("headers", "qs"):
        if name in raw:
            _pairs(raw[name], name)
    _no_expressions([raw["url"], raw.get("topic"), raw.get("payload"), raw.get("json"), raw.get("ngsi")])
    _no_expressions([raw.get("headers"), raw.get("qs")])


def _fragment(raw: Any) -> None:
    if not isinstance(raw, dict):
        raise bad_request("ngsi field in custom notifications must be an object")
    for name, one in raw.items():
        if name in ("id", "type"):
            _string(one, name)
            continue
        check_identifier(name, "attribute name")
        if not isinstance(one, dict) or not set(one) <= {"type", "value"}:
            raise bad_request("only evalPriority metadata is allowed in ngsi field in custom notifications")
        if "type" in one:
            check_identifier(one["type"], "attribute type")
        check_value(one.get("value"), "TextUnrestricted")


def _pairs(raw: Any, name: str) -> None:
    if not isinstance(raw, dict):
        raise bad_request(f"notification httpCustom {name} is not an object")
    if not raw:
        raise bad_request(f"notification httpCustom {name} is empty")
    for key, value in raw.items():
        if not isinstance(value, str):
            raise bad_request(f"invalid type for {name}")
        _harmless(key, f"httpCustom {name}")
        _harmless(value, f"httpCustom {name}", but="'\"" if name == "headers" else "")
        if name == "headers" and not (_HEADER_NAME.fullmatch(key) and _HEADER_VALUE.fullmatch(value)):
            raise bad_request("Invalid characters in notification custom headers")


def _no_expressions(value: Any) -> None:
    if isinstance(value, str):
        if not is_plain(value):
            raise OrionError(501, "NotImplemented", "JEXL is not supported here: ${} holds a name or a path of names")
    elif isinstance(value, dict):
        for key, one in value.items():
            _no_expressions(key)
            _no_expressions(one)
    elif isinstance(value, list):
        for one in value:
            _no_expressions(one)


def _known(raw: Body, names: Collection[str], what: str) -> None:
    for name in raw:
        if name not in names:
            raise bad_request(f"invalid field in {what}" + ("" if has_forbidden(name) else f": {name[:80]}"))


def _attributes(raw: Any, what: str) -> None:
    if not isinstance(raw, list):
        raise bad_request(f"{what} is not an array")
    seen = set()
    for one in raw:
        check_identifier(one, "attribute name")
        if one in seen:
            raise bad_request(f"duplicated item /{one}/ in array")
        seen.add(one)


def _strings(raw: Any, what: str) -> None:
    if not isinstance(raw, list) or not all(isinstance(one, str) for one in raw):
        raise bad_request(f"{what} is not an array of strings")


def _string(value: Any, what: str) -> None:
    if not isinstance(value, str):
        raise bad_request(f"{what} is not a string")


def _boolean(value: Any, what: str) -> None:
    if not isinstance(value, bool):
        raise bad_request(f"{what} is not a bool")


def _integer(value: Any, what: str, *, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request(f"{what} is not an int")
    if not 0 <= value <= most:
        raise bad_request(f"{what} must be a number from 0 to {most}")


def _harmless(text: str, what: str, *, but: str = "") -> None:
    if has_forbidden("".join(one for one in text if one not in but)):
        raise bad_request(f"forbidden characters in {what}")
