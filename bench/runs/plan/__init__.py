"""What is to be done: suites and their jobs."""
