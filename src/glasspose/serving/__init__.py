"""The HTTP service: one process that speaks with clients and opens no picture, and others that open pictures and hold the network."""
