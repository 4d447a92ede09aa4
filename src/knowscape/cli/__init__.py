"""The command line: parse, one call of the library, print."""

import sys

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; exit codes: 0 ok, 1 the work failed, 2 wrong usage, 3 the data is damaged."""
    import knowscape.cli.bench
    import knowscape.cli.check  # the commands register themselves
    import knowscape.cli.cluster
    import knowscape.cli.commands
    import knowscape.cli.compress
    import knowscape.cli.doctor
    import knowscape.cli.evaluate
    import knowscape.cli.finetune
    import knowscape.cli.growth
    import knowscape.cli.knowledge
    import knowscape.cli.labels
    import knowscape.cli.merge
    import knowscape.cli.migrate
    import knowscape.cli.models
    import knowscape.cli.plot
    import knowscape.cli.pull
    import knowscape.cli.search  # noqa: F401
    from knowscape.characters import printable
    from knowscape.cli.app import app
    from knowscape.errors import KnowscapeError, StorageError

    try:
        app()
    except KnowscapeError as error:
        sys.stderr.write(f"knowscape: {printable(str(error))}\n")
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == _INTERRUPTED:  # typer has caught the interrupt and says nothing
            sys.stderr.write("\nStopped. What was finished is kept; the same command continues.\n")
        raise
    except OSError as error:
        sys.stderr.write(f"knowscape: {StorageError.of(error)}\n")
        sys.exit(1)
