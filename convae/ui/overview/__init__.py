"""What belongs to the Overview page: the code editor."""
