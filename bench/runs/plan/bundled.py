"""Suites that come with the package."""

from pathlib import Path

SUITES = Path(__file__).parent / "suites"


def suite_names() -> list[str]:
    """Their names, which ``bench run --suite`` takes."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))
