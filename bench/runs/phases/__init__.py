"""What is done to one job."""
