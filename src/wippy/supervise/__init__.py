"""What keeps running: the life of services."""
