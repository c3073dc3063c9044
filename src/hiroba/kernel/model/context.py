"""Compile JSON-LD contexts to dictionaries that expand and compact names (GS CIM 009, 4.4 and 5.5.7).

Term definitions are computed by PyLD once per context; after that a name costs one look-up. The core context has
precedence whatever its place in the @context, as the standard has it, and is never fetched.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from pyld import jsonld

from hiroba.kernel.model.entity import DEFAULT_CONTEXT
from hiroba.kernel.model.errors import BadRequestData, shown
from hiroba.kernel.model.names import check_attribute_name, is_name, is_type_name

CORE_BASE: Final = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context"
CORE_URL: Final = CORE_BASE + "-v1.9.jsonld"
REMEMBERED: Final = 20_000
MAX_DOCUMENTS: Final = 64

_CORE_FORM: Final = re.compile("https?" + re.escape(CORE_BASE[5:]) + r"(?:-v1\.\d{1,2}(?:\.\d{1,2})?)?\.jsonld")
_ABSOLUTE: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+\-.]*|_):\S*")
_SHIPPED: Final = Path(__file__).parent / "contexts"
_Active = dict[str, Any]


class Context:
    """What the names in a request mean, both ways.

    `key` is equal for contexts with equal meaning. `reference` is what to write as @context into a body; `url` is
    what to name in a Link header: the one user context that has an address, else the core context.
    A term that the @context maps to null counts as one that it does not mention, so that nothing is lost.
    """

    __slots__ = (
        "_compacted",
        "_expanded",
        "_inverse",
        "_mappings",
        "_prefixes",
        "attribute_names",
        "key",
        "links",
        "reference",
        "url",
    )

    def __init__(self, mappings: Mapping[str, Any], *, reference: Any, url: str) -> None:
        self._mappings = {term: one for term, one in mappings.items() if one and one.get("@id")}
        self._prefixes = {term: one["@id"] for term, one in self._mappings.items() if one.get("_prefix")}
        self._inverse = _inverse(self._mappings)
        self._expanded: dict[str, str] = {}
        self._compacted: dict[str, str] = {}
        self.attribute_names: dict[str, str] = {}
        """Attribute names met so far → IRI; only to be read, `attribute_name` fills it."""
        self.links = frozenset(term for term, one in self._mappings.items() if one.get("@type") == "@id")
        """Terms whose plain values are references to other entities (`@type: @id`)."""
        self.reference = reference
        self.url = url
        meaning = sorted((term, one["@id"], str(one.get("@type"))) for term, one in self._mappings.items())
        prefixes = sorted(self._prefixes)
        self.key = hashlib.blake2b(orjson.dumps([meaning, prefixes]), digest_size=12).hexdigest()

    def expand_name(self, name: str) -> str:
        """Return the IRI of a type, an attribute or a key of a value; URIs, `id`, `type` and @-words stay."""
        found = self._expanded.get(name)
        if found is None:
            found = self._expand(name)
            _remember(self._expanded, name, found)
        return found

    expand_iri = expand_name

    def attribute_name(self, name: str) -> str:
        """Return the IRI of an attribute; raises BadRequestData for what cannot name one (4.6.2)."""
        found = self.attribute_names.get(name)
        if found is None:
            found = self._expand(name)
            check_attribute_name(name, found, mapped=name in self._mappings)
            _remember(self.attribute_names, name, found)
        return found

    def type_name(self, name: Any) -> str:
        """Return the IRI of an entity type; raises BadRequestData for what cannot name one (4.6.2)."""
        mapping = self._mappings.get(name) if type(name) is str else None
        if type(name) is not str or not (mapping["@id"][0] != "@" if mapping else is_type_name(name)):
            raise BadRequestData(
                f"The entity type {shown(name)} is not a name; use letters, digits and underscores, or a URI."
            )
        return self.expand_name(name)

    def compact_name(self, iri: str) -> str:
        """Return the shortest name that this context has for an IRI, the IRI itself where there is none."""
        found = self._compacted.get(iri)
        if found is None:
            found = self._compact(iri)
            _remember(self._compacted, iri, found)
        return found

    def coercion(self, term: str) -> str | None:
        """Return the `@type` that the context gives a term's values, or None."""
        mapping = self._mappings.get(term)
        coerced: str | None = mapping.get("@type") if mapping else None
        return coerced

    def _expand(self, name: str) -> str:
        if not name or name[0] == "@":
            return name
        mapping = self._mappings.get(name)
        if mapping is not None:
            iri: str = mapping["@id"]
            if iri[0] != "@":
                return iri
            if name in ("id", "type"):
                return name
        prefix, colon, rest = name.partition(":")
        if colon and prefix:
            if prefix == "_" or rest.startswith("//"):
                return name
            base = self._prefixes.get(prefix)
            if base is not None:
                return f"{base}{rest}"
            if _ABSOLUTE.fullmatch(name):
                return name
        return DEFAULT_CONTEXT + name

    def _compact(self, iri: str) -> str:
        term = self._inverse.get(iri)
        if term is not None:
            return term
        if iri.startswith(DEFAULT_CONTEXT):
            short = iri[len(DEFAULT_CONTEXT) :]
            if short and self._expand(short) == iri:
                return short
        curies = [
            f"{prefix}:{iri[len(base) :]}"
            for prefix, base in self._prefixes.items()
            if iri.startswith(base) and is_name(iri[len(base) :])
        ]
        usable = [curie for curie in curies if self._expand(curie) == iri]
        return min(usable, key=lambda curie: (len(curie), curie)) if usable else iri


def needed_urls(value: Any) -> tuple[str, ...]:
    """Return the URLs that an @context value names itself and that have to be fetched to compile it."""
    found: dict[str, None] = {}
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str) and not _is_core(part):
            found[part] = None
        elif isinstance(part, dict):
            if isinstance(part.get("@import"), str):
                found[part["@import"]] = None
            if "@context" in part:
                found.update(dict.fromkeys(needed_urls(part["@context"])))
    return tuple(found)


def compile_context(value: Any, documents: Mapping[str, Any], *, url: str | None = None) -> Context:
    """Return the context that an @context value means; `documents` holds what `needed_urls` asked for.

    `url` is where an inline context can be had, when there is such a place. Raises BadRequestData for a value that
    is no JSON-LD context, or that scopes contexts to terms (5.5.7).
    """
    parts = [part for part in (value if isinstance(value, list) else [value]) if part != {}]
    own = [part for part in parts if not (part is None or (isinstance(part, str) and _is_core(part)))]
    if not own:
        return CORE
    active = _CORE_ACTIVE
    try:
        for local in _flatten(parts, documents, ()):
            active = _CORE_ACTIVE if local is None else _process(active, local)
    except jsonld.JsonLdError as error:
        raise BadRequestData(f"The @context is not valid JSON-LD: {error.args[0]} ({error.code}).") from error
    except (RecursionError, TypeError, AttributeError, KeyError, ValueError) as error:
        # the processor trips over some shapes that are not JSON-LD
        raise BadRequestData("The @context is not valid JSON-LD: its definitions cannot be read.") from error
    named = url or (own[0] if len(own) == 1 and isinstance(own[0], str) else CORE_URL)
    reference = [*own, CORE_URL]
    if _ends_with_core(own, documents):
        reference = own if len(own) > 1 else own[0]
    return Context(active["mappings"], reference=reference, url=named)


def builtin_documents() -> dict[str, dict[str, Any]]:
    """Return the core context documents by URL; versions older than 1.6 are served with the terms of 1.6."""
    shipped = {minor: orjson.loads((_SHIPPED / f"core-v1.{minor}.jsonld").read_bytes()) for minor in (6, 7, 8, 9)}
    found: dict[str, dict[str, Any]] = {CORE_BASE + ".jsonld": {"@context": shipped[9]["@context"]}}
    for minor in range(1, 10):
        found[f"{CORE_BASE}-v1.{minor}.jsonld"] = {"@context": shipped[max(minor, 6)]["@context"]}
    return found


def _is_core(url: str) -> bool:
    return _CORE_FORM.fullmatch(url) is not None


def _ends_with_core(value: Any, documents: Mapping[str, Any], depth: int = 0) -> bool:
    """Tell whether the last thing that an @context means is the core context, also through the document it names."""
    last = value[-1] if isinstance(value, list) and value else value
    if isinstance(last, str):
        document = None if _is_core(last) or depth > MAX_DOCUMENTS else documents.get(last)
        return _is_core(last) or (
            isinstance(document, dict) and _ends_with_core(document.get("@context"), documents, depth + 1)
        )
    return isinstance(last, dict) and "@context" in last and _ends_with_core(last["@context"], documents, depth + 1)


def _flatten(parts: Any, documents: Mapping[str, Any], within: tuple[str, ...]) -> Iterator[dict[str, Any] | None]:
    """Yield the term definitions of an @context in order, those of the documents it names included."""
    for part in parts if isinstance(parts, list) else [parts]:
        if isinstance(part, str):
            if _is_core(part):
                continue
            if part in within or len(within) > MAX_DOCUMENTS:
                raise BadRequestData(f"The @context {part} includes itself.")
            document = documents.get(part)
            if not isinstance(document, dict):
                raise BadRequestData(f"The @context {shown(part)} is not a JSON-LD document.")
            yield from _flatten(document.get("@context", {}), documents, (*within, part))
        elif isinstance(part, dict) and "@context" in part:
            yield from _flatten(part["@context"], documents, within)
        elif isinstance(part, dict):
            imported = part.get("@import")
            if imported is not None:
                if not isinstance(imported, str):
                    raise BadRequestData("The @import of the @context is not a URL.")
                yield from _flatten(imported, documents, within)
            yield part
        elif part is None:
            yield None
        else:
            raise BadRequestData(f"The @context contains {shown(part)}; URLs and objects are expected.")


def _process(active: _Active, local: dict[str, Any]) -> _Active:
    """Add definitions to an active context; core terms stay what they are."""
    core = _CORE_ACTIVE["mappings"]
    kept = {}
    for term, definition in local.items():
        if term in core or term in ("@import", "@propagate", "@base", "@language", "@direction"):
            continue
        if isinstance(definition, dict) and definition.get("@context") is not None:
            raise BadRequestData(f"The @context scopes a context to the term {term!r}; NGSI-LD does not allow that.")
        kept[term] = definition
    return _process_raw(active, kept)


def _process_raw(active: _Active, local: dict[str, Any]) -> _Active:
    processor = jsonld.JsonLdProcessor()
    resolver = jsonld.ContextResolver({}, _refuse)
    options = {"base": "", "documentLoader": _refuse, "contextResolver": resolver}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        processed: _Active = processor.process_context(active, local, options)
    return processed


def _refuse(url: str, *_: Any) -> Any:
    raise BadRequestData(f"The @context refers to {shown(url)} in a way that is not supported.")


def _inverse(mappings: Mapping[str, Any]) -> dict[str, str]:
    """Return IRI → term, choosing as JSON-LD compaction does for references: links, plain terms, then the rest."""
    best: dict[str, tuple[int, int, str]] = {}
    for term, mapping in mappings.items():
        iri = mapping["@id"]
        if iri[0] == "@" or mapping.get("reverse"):
            continue
        coerced = mapping.get("@type")
        plain = not set(mapping.get("@container") or ()) - {"@set"}
        rank = 2 if not plain else 0 if coerced == "@id" else 1 if coerced is None and "@language" not in mapping else 2
        best[iri] = min(best.get(iri, (9, 0, "")), (rank, len(term), term))
    return {iri: term for iri, (_, _, term) in best.items()}


def _remember(memory: dict[str, str], name: str, found: str) -> None:
    """Keep a name, unless somebody sends endless new ones."""
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[name] = found


def _compile_core() -> _Active:
    document = orjson.loads((_SHIPPED / "core-v1.9.jsonld").read_bytes())["@context"]
    return _process_raw(jsonld.JsonLdProcessor().process_context({}, None, {}), document)


_CORE_ACTIVE: Final[_Active] = _compile_core()

CORE: Final = Context(_CORE_ACTIVE["mappings"], reference=CORE_URL, url=CORE_URL)
"""The core context alone, version 1.9."""
