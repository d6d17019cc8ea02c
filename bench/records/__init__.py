"""Records: what was measured, how it is kept, and how it is compared."""

from bench.records.record import (
    COLUMNS,
    MODEL_FILE,
    RECORD_FILE,
    SAMPLES_FILE,
    SCHEMA_VERSION,
    TABLE_COLUMNS,
    TRAINING_FILE,
    Record,
    find_records,
    finished_jobs,
    has_whole_record,
    read_record,
    read_samples,
    require_recorded_file,
    table,
    write_record,
)
from bench.records.validity import is_timed

__all__ = [
    "COLUMNS",
    "MODEL_FILE",
    "RECORD_FILE",
    "SAMPLES_FILE",
    "SCHEMA_VERSION",
    "TABLE_COLUMNS",
    "TRAINING_FILE",
    "Record",
    "find_records",
    "finished_jobs",
    "has_whole_record",
    "is_timed",
    "read_record",
    "read_samples",
    "require_recorded_file",
    "table",
    "write_record",
]
