"""What is measured of a network: accuracy, MACs, time."""
