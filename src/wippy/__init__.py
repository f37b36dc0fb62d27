"""wippy: a runtime for applications made of functions, processes and durable workflows."""

__version__ = "0.1.0"
