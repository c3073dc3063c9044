"""The only package that apps and agents import; `__all__` is its promise."""

from starlette.requests import Request
from starlette.responses import Response

from hiroba.sdk import errors
from hiroba.sdk.agent import Agent, Reading, Status, Translator
from hiroba.sdk.app import App, Delete, View, Write
from hiroba.sdk.backoff import Backoff, LogOnce
from hiroba.sdk.city import Answer, Area, Cell, Changed, City, Entity, Mode, Written
from hiroba.sdk.guest import Guest, Host, Manifest
from hiroba.sdk.mapping import decode, entities_of
from hiroba.sdk.profiles import Misfit, Profile, ProfileError, load_profiles
from hiroba.sdk.remote import RemoteCity
from hiroba.sdk.spool import Message, Reject, Spool, SpoolFull
from hiroba.sdk.web import json_answer, problem_answer, read_body, read_json

__all__ = [
    "Agent",
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
    "Message",
    "Misfit",
    "Mode",
    "Profile",
    "ProfileError",
    "Reading",
    "Reject",
    "RemoteCity",
    "Request",
    "Response",
    "Spool",
    "SpoolFull",
    "Status",
    "Translator",
    "View",
    "Write",
    "Written",
    "decode",
    "entities_of",
    "errors",
    "json_answer",
    "load_profiles",
    "problem_answer",
    "read_body",
    "read_json",
]
