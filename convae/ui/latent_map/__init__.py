"""What belongs to the Latent map page alone."""
