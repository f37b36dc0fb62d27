"""The Temporal provider: runs are kept by a Temporal server, their code runs in our machines."""
