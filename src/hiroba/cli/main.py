"""`hiroba`: finds the command, loads only what it needs, and turns failures into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from hiroba.cli.failing import CommandError
from hiroba.cli.parser import build_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 misunderstood, 130 interrupted."""
    parser = build_parser()
    args = parser.parse_args(arguments)
    module, _, function = args.handler.partition(":")
    try:
        answer = getattr(importlib.import_module(module), function)(args)
    except CommandError as error:
        print(f"hiroba {args.command}: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # whoever read our output has gone, as `| head` does; python would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return answer if isinstance(answer, int) else 0


if __name__ == "__main__":
    sys.exit(main())
