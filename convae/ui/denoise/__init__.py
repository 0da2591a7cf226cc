"""What belongs to the Denoise page alone."""
