"""`hiroba`: finds the command, loads only what it needs, and turns failures into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, Final

from hiroba.cli.failing import CommandError
from hiroba.cli.parser import build_parser

_SERVERS: Final = ("serve", "demo")
_ENDINGS: Final = {signal.SIGINT: 130, signal.SIGTERM: 0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 misunderstood, 130 interrupted."""
    before = {number: signal.getsignal(number) for number in _ENDINGS}
    signal.signal(signal.SIGINT, _end_at_once)
    try:
        return _run(arguments, before[signal.SIGINT])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_at_once(number: int, _frame: FrameType | None) -> None:
    """End while there is nothing to put in order: an exception in the middle of an import says more than it should."""
    os._exit(_ENDINGS[signal.Signals(number)])


def _run(arguments: Sequence[str] | None, interrupted: Any) -> int:
    parser = build_parser()
    args = parser.parse_args(arguments)
    module, _, function = args.handler.partition(":")
    server = args.command in _SERVERS
    if server:
        signal.signal(signal.SIGTERM, _end_at_once)
    try:
        handler = getattr(importlib.import_module(module), function)
        if not server:
            # a server puts its own handlers in the place of ours as soon as it has something to lose
            signal.signal(signal.SIGINT, interrupted)
        answer = handler(args)
    except CommandError as error:
        print(f"hiroba {args.command}: {error}", file=sys.stderr)
        return error.code
    except ModuleNotFoundError as error:
        if (error.name or "hiroba").partition(".")[0] == "hiroba":
            raise
        print(
            f"hiroba {args.command}: {error.name} is not installed; this command needs the whole of Hiroba: "
            "pip install 'hiroba[server]'",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # whoever read our output has gone, as `| head` does; python would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return answer if isinstance(answer, int) else 0


if __name__ == "__main__":
    sys.exit(main())
