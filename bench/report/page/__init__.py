"""The self-contained HTML page of a report."""

from bench.report.page.page import page

__all__ = ["page"]
