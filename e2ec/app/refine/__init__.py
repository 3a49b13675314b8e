"""Results of any model, refined file by file: read, moved and written in bounded memory."""
