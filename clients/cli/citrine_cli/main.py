"""Entry point: a process of Citrine is started as it is; everything else is a command of the CLI."""

import gc
import os
import sys
from collections.abc import Sequence

from citrine_cli.errors import CliError, print_error
from citrine_cli.processes import process_of, run_process

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Returns:
        0 on success only; 1 where the command failed, 2 where it was used wrongly, 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        # gRPC's own log goes to stderr, where a command writes one line of its own. It is set before gRPC starts.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        started = process_of(arguments)
        if started is not None:
            return run_process(*started)
        # Imported late: a core or an edge needs neither the commands nor what they import.
        try:
            from citrine_cli.app import run_app
        except ModuleNotFoundError as error:
            raise CliError(
                f"the command line is not installed: module {error.name} is missing; pip install 'citrine-csms[cli]'"
            ) from error
        return run_app(arguments)
    except CliError as error:
        print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    finally:
        if argv is None:
            # The process ends, and all that it has with it: Python need not look for garbage in that first.
            gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
