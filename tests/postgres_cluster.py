"""Real PostgreSQL clusters of the tests' own, in temporary folders, never the distribution's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from real_server import free_port

_INSTALL = "apt-get install postgresql-15 postgresql-15-postgis-3 (its default cluster is not needed)"
TOWN = "town"
"""The role that owns the tests' databases; it may make roles and is no superuser."""
_WHO = """local all all trust
host all secret 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""


def _binaries() -> Path:
    """Return the folder of the newest PostgreSQL that has PostGIS; skips loudly without one."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb") if int(path.parts[4]) >= 15]
    gis = [one for one in found if Path(f"/usr/share/postgresql/{one.parts[4]}/extension/postgis.control").is_file()]
    if not gis:
        pytest.skip(f"no PostgreSQL 15 or newer with PostGIS here: {_INSTALL}")
    return max(gis, key=lambda one: int(one.parts[4]))


class Cluster:
    """One server with its data folder; root runs it as the user `postgres`, since PostgreSQL refuses root."""

    def __init__(self, *, port: int | None = None, options: str = "") -> None:
        self.binaries = _binaries()
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="hiroba-pg-"))
        self._options = options
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        (Path(self.data) / "pg_hba.conf").write_text(_WHO)
        self.start()
        self.sql("postgres", f"CREATE ROLE {TOWN} LOGIN CREATEROLE; CREATE ROLE secret LOGIN PASSWORD 'right'")
        self.sql("template1", "CREATE EXTENSION postgis")

    @property
    def data(self) -> str:
        """Return the data folder."""
        return str(self.folder / "data")

    def _run(self, command: str, *arguments: str) -> str:
        done = subprocess.run(
            [*self._as, str(self.binaries / command), *arguments], cwd="/", capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
        return done.stdout

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c max_connections=200 {self._options}"
        )
        log = str(self.folder / "log")
        # the server would hold a pipe open, and whoever waits for its end
        subprocess.run(
            [*self._as, str(self.binaries / "pg_ctl"), "-D", self.data, "-o", options, "-l", log, "-w", "start"],
            cwd="/", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip

    def stop(self, how: str = "fast") -> None:
        """Stop the server: `fast` ends sessions, `immediate` is a crash."""
        self._run("pg_ctl", "-D", self.data, "-m", how, "-w", "stop")

    def remove(self) -> None:
        """Stop the server and delete its data."""
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.folder)

    def sql(self, database: str, text: str, *, user: str = "postgres") -> str:
        """Run statements, as the superuser unless told otherwise, and return what they print."""
        place = ["-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database]
        return self._run("psql", *place, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text)

    def address(self, database: str, *, user: str = TOWN, password: str = "") -> str:
        """Return a database's address for `--store`."""
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def make(self, name: str, *, template: str = "template1") -> str:
        """Make a database, and return its address."""
        self.sql("postgres", f"CREATE DATABASE {name} OWNER {TOWN} TEMPLATE {template}")
        return self.address(name)


_DATABASES: dict[str, Path] = {}
"""The databases of the shared cluster, with the folders whose data they hold."""


def database_of(folder: Path) -> str:
    """Return the address of a folder's own database: a new one, or one whose folder is gone, emptied."""
    cluster = shared()
    found = next((name for name, one in _DATABASES.items() if one == folder), None)
    if found is None:
        found = next((name for name, one in _DATABASES.items() if not one.exists()), None)
        if found is None:
            found = f"town{len(_DATABASES)}"
            cluster.make(found)
        else:
            cluster.sql(found, _EMPTY)
        _DATABASES[found] = folder
    return cluster.address(found)


_EMPTY = """DO $$ DECLARE names text; BEGIN
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') INTO names FROM pg_tables
  WHERE schemaname = 'hiroba' AND tablename <> 'meta';
IF names IS NOT NULL THEN EXECUTE 'TRUNCATE ' || names || ' RESTART IDENTITY'; END IF; END $$"""


@cache
def shared() -> Cluster:
    """Return the cluster of the whole test run, which trades durability for speed; `end` stops it."""
    return Cluster(options="-c fsync=off -c full_page_writes=off -c synchronous_commit=off")


def end() -> None:
    """Stop the shared cluster if there is one."""
    if shared.cache_info().currsize:
        shared().remove()
        shared.cache_clear()
        _DATABASES.clear()
