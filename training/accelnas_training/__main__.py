"""``python -m accelnas_training``: the command line, where its script is not on the path."""

from accelnas_training.cli import main

if __name__ == "__main__":  # workers import it again
    main()
