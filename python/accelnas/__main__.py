"""``python -m accelnas``: the command line, where its script is not on the path."""

from accelnas.cli import main

if __name__ == "__main__":  # workers import it again
    main()
