"""The commands, their arguments and their examples; what carries them out is named and loaded only when called."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from hiroba import __version__

URL = "http://127.0.0.1:1026"
_EPILOG = "example:\n  {example}\n"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one line that says what was misunderstood and where help is."""
        self.exit(2, f"{self.prog}: {message}; see: {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="hiroba",
        description="An open City OS: a broker for a town's data, agents that feed it, apps that use it.",
        epilog=_EPILOG.format(example="hiroba demo"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hiroba {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _running(commands)
    _data(commands)
    _looking_after(commands)
    _extensions(commands, "app")
    _extensions(commands, "agent")
    return parser


def _command(commands: Any, name: str, about: str, *, handler: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog=_EPILOG.format(example=example),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(handler=handler)
    return parser


def _settings_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (default: ./hiroba.toml if there)")
    parser.add_argument("--store", metavar="DIR", help="folder, :memory: or postgresql://… (default ./hiroba-data)")


def _running(commands: Any) -> None:
    serve = _command(
        commands,
        "serve",
        "run the server in the foreground until SIGTERM or Ctrl-C",
        handler="hiroba.cli.serving:serve_command",
        example="hiroba serve --port 1026 --store ./hiroba-data",
    )
    serve.add_argument("--host", metavar="ADDRESS", help="address to listen on (default 127.0.0.1)")
    serve.add_argument("--port", type=int, metavar="N", help="port to listen on (default 1026; 0: any that is free)")
    serve.add_argument("--roles", metavar="LIST", help="what this process does (default api,notify,agents,apps)")
    _settings_flags(serve)

    demo = _command(
        commands,
        "demo",
        "run a synthetic town that is alive, and show where its map is",
        handler="hiroba.cli.demoing:demo_command",
        example="hiroba demo --port 1026",
    )
    demo.add_argument("--port", type=int, default=1026, metavar="N", help="port to listen on (default 1026)")
    demo.add_argument("--keep", type=Path, metavar="DIR", help="keep the town's data in this folder")


def _data(commands: Any) -> None:
    bring = _command(
        commands,
        "import",
        "bring open data into the city: CSV, Excel, GeoJSON, GTFS, Shapefile, NGSI",
        handler="hiroba.cli.importing:run",
        example="hiroba import shelters.csv toilets.xlsx --report rejected.csv",
    )
    bring.add_argument("sources", nargs="+", metavar="PATH|URL", help="files, folders or addresses to read")
    bring.add_argument("--url", default="", help=f"address of the city (default: where the settings listen, {URL})")
    bring.add_argument("--tenant", default="", metavar="T", help="tenant to write into")
    bring.add_argument("--type", metavar="T", help="entity type, when a table is not one of the known data sets")
    bring.add_argument("--report", type=Path, metavar="FILE", help="write the rejected rows to this file as CSV")
    bring.add_argument("--token", default="", help="token of the city (default: the setting `token`)")

    backup = _command(
        commands,
        "backup",
        "write a consistent copy of everything into one file, also while the server runs",
        handler="hiroba.cli.keeping:backup_command",
        example="hiroba backup town-2026-04-01.tar.gz",
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="file to write; it must not exist yet")
    _settings_flags(backup)

    restore = _command(
        commands,
        "restore",
        "bring a backup back into an empty store; the server must not run",
        handler="hiroba.cli.keeping:restore_command",
        example="hiroba restore town-2026-04-01.tar.gz --store ./hiroba-data",
    )
    restore.add_argument("file", type=Path, metavar="FILE", help="file that `hiroba backup` wrote")
    restore.add_argument("--force", action="store_true", help="replace what the store holds now")
    _settings_flags(restore)

    migrate = _command(
        commands,
        "migrate",
        "bring the store to the form that this version writes",
        handler="hiroba.cli.keeping:migrate_command",
        example="hiroba migrate --store ./hiroba-data",
    )
    _settings_flags(migrate)


def _looking_after(commands: Any) -> None:
    doctor = _command(
        commands,
        "doctor",
        "check what the server needs, and say how to mend what is wrong",
        handler="hiroba.cli.doctoring:doctor_command",
        example="hiroba doctor",
    )
    doctor.add_argument("--host", metavar="ADDRESS", help="address that the server is to listen on")
    doctor.add_argument("--port", type=int, metavar="N", help="port that the server is to listen on")
    _settings_flags(doctor)

    bench = _command(
        commands,
        "bench",
        "measure this machine: each operation as a ratio to a ceiling of the same run",
        handler="hiroba.cli.benching:run",
        example="hiroba bench",
    )
    bench.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def _extensions(commands: Any, kind: str) -> None:
    verbs = _command(
        commands,
        kind,
        "make, check, list and install apps" if kind == "app" else "make, check and list agents",
        handler="",
        example=f"hiroba {kind} new rain_watch",
    ).add_subparsers(dest="verb", metavar="VERB", required=True)
    new = _command(
        verbs,
        "new",
        f"make a folder with a working {kind} and its tests",
        handler="hiroba.cli.extending:new_command",
        example=f"hiroba {kind} new rain_watch --into ./extensions",
    )
    new.add_argument("name", metavar="NAME", help="its id: small letters, digits and underscores")
    new.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="where to make the folder (default .)")
    check = _command(
        verbs,
        "check",
        f"check an {kind}'s folder and say what is missing or wrong",
        handler="hiroba.cli.extending:check_command",
        example=f"hiroba {kind} check ./rain_watch",
    )
    check.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help=f"folders of {kind}s")
    listed = _command(
        verbs,
        "list",
        f"list the {kind}s that the server would start",
        handler="hiroba.cli.extending:list_command",
        example=f"hiroba {kind} list",
    )
    _settings_flags(listed)
    if kind == "app":
        install = _command(
            verbs,
            "install",
            "check an app's folder and copy it to where the server finds it",
            handler="hiroba.cli.extending:install_command",
            example="hiroba app install ./rain_watch --store ./hiroba-data",
        )
        install.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the app")
        install.add_argument("--force", action="store_true", help="replace an app of the same id")
        _settings_flags(install)
