"""What belongs to the Overview page: the code editor, the picture of the architecture."""
