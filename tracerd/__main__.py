"""`tracerd`, and `python -m tracerd`: `exec` and what scripts call by the shortest way, all else through click."""

import sys

VERBS = ("span", "event", "counter", "log")


def main() -> None:
    """Run the command line of this process."""
    if sys.argv[1:2] == ["exec"]:
        from tracerd.exec.options import parse

        if options := parse(sys.argv[2:]):
            from tracerd.exec.run import run

            run(options)
    elif sys.argv[1:2] and sys.argv[1] in VERBS:
        from tracerd.exec import verbs

        if verbs.main(sys.argv[1], sys.argv[2:]):
            return
    try:
        from tracerd.cli import main as commands

        commands(prog_name="tracerd")
    except KeyboardInterrupt:  # while Python loads us
        sys.exit(130)


if __name__ == "__main__":
    main()
