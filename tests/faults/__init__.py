"""What must not take the rest of an application along."""
