"""What belongs to the Features page alone."""
