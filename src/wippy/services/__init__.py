"""What entries do: one file per entry kind."""
