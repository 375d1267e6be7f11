"""``python -m bench``: the comparison with the peers."""

from bench.peers import main

if __name__ == "__main__":
    main()
