"""Records: what was measured, how it is kept, and how it is compared."""

from bench.records.record import COLUMNS, SCHEMA_VERSION, TABLE_COLUMNS, Record, table
from bench.records.samples import SAMPLES_FILE, read_samples
from bench.records.store import (
    MODEL_FILE,
    RECORD_FILE,
    TRAINING_FILE,
    find_records,
    finished_jobs,
    has_whole_record,
    read_record,
    require_recorded_file,
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
