"""The gradual type checker: what is certainly wrong in a chunk is found, everything else passes."""
