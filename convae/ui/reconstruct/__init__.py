"""What belongs to the Reconstruct page alone."""
