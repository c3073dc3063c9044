"""Describes the broker's HTTP interface as an OpenAPI 3.1 document, in the reader's language.

Routes and their parameters are those that the router serves; `operations.yaml`, `parameters.yaml` and `schemas.yaml`
beside this module give them words, shapes and examples.
"""

from hiroba.kernel.api.openapi.document import LANGUAGES, describe

__all__ = ["LANGUAGES", "describe"]
