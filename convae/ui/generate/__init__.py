"""What belongs to the Generate page alone."""
