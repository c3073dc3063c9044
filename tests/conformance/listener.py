"""Write down how each test of the suite ended; loaded by Robot Framework in its own virtual environment."""

import json
import os
import re

ROBOT_LISTENER_API_VERSION = 3


def key(test):
    """Return the name by which a test is known in reports: its file in the suite and its title."""
    return re.sub(r"^.*?/((IOP_)?TP/NGSI-LD/)", r"\1", str(test.source)) + "::" + test.name


def start_suite(data, _result):
    """Give every test a time limit, so that one that waits for ever costs only itself."""
    for test in data.tests:
        test.timeout = test.timeout or os.environ["CONFORMANCE_TEST_TIMEOUT"] + " seconds"


def end_test(data, result):
    """Append a test's outcome to the unit's log."""
    outcome = {"key": key(data), "passed": result.status == "PASS", "message": result.message[:2000]}
    with open(os.environ["CONFORMANCE_LOG"], "a", encoding="utf-8") as log:
        log.write(json.dumps(outcome) + "\n")
