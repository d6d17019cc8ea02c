"""Networks that decide for each sample what to run, and what that costs."""
