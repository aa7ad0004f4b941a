"""The entry point `citrine`: it runs a process of Citrine, or a command of the CLI."""

import gc
import os
import sys
from collections.abc import Sequence

from citrine_cli.errors import CliError, UsageError, print_error
from citrine_cli.processes import process_of, run_process
from citrine_words.errors import WrongText

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Returns:
        0 on success only, 1 if the command failed, 2 if it was used wrongly, 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        # gRPC would log to stderr, where a command writes only one line. The variable is read at gRPC's start.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        started = process_of(arguments)
        if started is not None:
            return run_process(*started)
        # Imported here, because a core or an edge does not need the commands.
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
    except WrongText as error:
        print_error(error)
        return UsageError.exit_code
    except KeyboardInterrupt:
        return 130
    finally:
        if argv is None:
            # The process ends: this saves the garbage collection at exit.
            gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
