"""Redis as a broker and as a cache."""
