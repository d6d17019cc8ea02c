"""``python -m bench``: the same program as ``bench``."""

from bench.cli import main

if __name__ == "__main__":
    main()
