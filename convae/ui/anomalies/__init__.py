"""What belongs to the Anomalies page alone."""
