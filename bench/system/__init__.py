"""What the rest stands on: files, processes, logs, seeds, the machine."""
