"""`python -m tracerd` is the `tracerd` command."""

from tracerd.cli import main

if __name__ == "__main__":
    main(prog_name="tracerd")
