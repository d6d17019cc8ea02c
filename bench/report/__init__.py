"""Reports: tables, plots and a page, each a pure function of records."""

from bench.report.write import group_tables, write_report

__all__ = ["group_tables", "write_report"]
