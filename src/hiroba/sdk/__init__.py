"""The only package that apps and agents import; `__all__` is its promise."""

from starlette.requests import Request
from starlette.responses import Response

from hiroba.sdk import errors
from hiroba.sdk.app import App, Delete, View, Write
from hiroba.sdk.backoff import Backoff, LogOnce
from hiroba.sdk.city import Answer, Area, Cell, Changed, City, Entity, Mode, Written
from hiroba.sdk.guest import Guest, Host, Manifest
from hiroba.sdk.web import json_answer, problem_answer, read_body, read_json

__all__ = [
    "Answer",
    "App",
    "Area",
    "Backoff",
    "Cell",
    "Changed",
    "City",
    "Delete",
    "Entity",
    "Guest",
    "Host",
    "LogOnce",
    "Manifest",
    "Mode",
    "Request",
    "Response",
    "View",
    "Write",
    "Written",
    "errors",
    "json_answer",
    "problem_answer",
    "read_body",
    "read_json",
]
