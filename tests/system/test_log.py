"""The log beside the records."""

import logging

from bench.system.log import LOG_FILE, log_to


def test_logs_rotate(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.system.log.LARGEST_BYTES", 2000)
    with log_to(tmp_path):
        for number in range(500):
            logging.getLogger("bench.runs.attempt").info("line %d", number)
    sizes = [path.stat().st_size for path in tmp_path.glob(f"{LOG_FILE}*")]
    assert len(sizes) == 4 and max(sizes) <= 2000
    assert "line 499" in (tmp_path / LOG_FILE).read_text()
