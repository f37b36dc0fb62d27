"""What one sees: logs."""
