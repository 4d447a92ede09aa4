"""The command line: parse, one call of the library, print."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; exit codes: 0 ok, 1 the work failed, 2 wrong usage, 3 the data is damaged."""
    from knowscape.cli.commands import app
    from knowscape.errors import KnowscapeError

    try:
        app()
    except KnowscapeError as error:
        sys.stderr.write(f"knowscape: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. What was finished is kept; the same command continues.\n")
        sys.exit(130)
    except OSError as error:
        sys.stderr.write(f"knowscape: {error}. What was finished is kept; the same command continues.\n")
        sys.exit(1)
