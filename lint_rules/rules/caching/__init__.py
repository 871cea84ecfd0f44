"""Rules about what is cached, and under which key."""
