"""`tracerd`, and `python -m tracerd`: to `tracerd exec` by the shortest way, to all other commands through click."""

import sys


def main() -> None:
    """Run the command line of this process."""
    if sys.argv[1:2] == ["exec"]:
        from tracerd.exec.options import parse

        if options := parse(sys.argv[2:]):
            from tracerd.exec.run import run

            run(options)
    try:
        from tracerd.cli import main as commands

        commands(prog_name="tracerd")
    except KeyboardInterrupt:  # while Python loads us
        sys.exit(130)


if __name__ == "__main__":
    main()
