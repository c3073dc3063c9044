"""The public list of the sdk: what it promises is there, and what is there is promised."""

import subprocess
import sys
import types

import hiroba.sdk
from hiroba.kernel.model import errors as kernel_errors
from hiroba.sdk import errors


def test_all_is_the_namespace() -> None:
    public = {
        name
        for name, value in vars(hiroba.sdk).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    promised = set(hiroba.sdk.__all__)
    assert promised - {"errors"} == public
    assert isinstance(hiroba.sdk.errors, types.ModuleType)


def test_importing_the_sdk_brings_nothing_that_only_a_server_needs() -> None:
    code = (
        "import sys, hiroba.sdk\n"
        "heavy = ('apsw', 'shapely', 'pyproj', 'uvicorn', 'hiroba.kernel', 'hiroba.host')\n"
        "print([m for m in sys.modules if m.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_errors_are_the_kernels_by_name_status_and_title() -> None:
    kernel = {kind.slug: (kind.status, kind.title) for kind in kernel_errors.HirobaError.__subclasses__()}
    ours = {slug: (kind.status, kind.title) for slug, kind in errors.BY_SLUG.items()}
    assert ours.pop("CityUnreachable") == (503, "City unreachable")
    assert ours == kernel


def test_errors_are_found_by_their_problem_type() -> None:
    error = errors.error_for(errors.ERROR_BASE + "AlreadyExists", "it is there")
    assert type(error) is errors.AlreadyExists
    assert error.problem() == {
        "type": "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists",
        "title": "Already exists",
        "status": 409,
        "detail": "it is there",
    }
    assert type(errors.error_for("about:blank", status=404)) is errors.ResourceNotFound
    assert type(errors.error_for("about:blank", status=418)) is errors.CityError
