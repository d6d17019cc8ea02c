"""The reference page is what the fields say."""

from pathlib import Path

from bench.cli.reference import page


def test_the_committed_page_is_up_to_date():
    """Otherwise: ``python -m bench.cli.reference > docs/reference.md``."""
    assert (Path(__file__).parents[2] / "docs" / "reference.md").read_text() == page()
