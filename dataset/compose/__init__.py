"""Training images put together of several: objects of others pasted in, and mosaics."""
