"""WebAssembly: programs compiled once, values of both sides, calls that can be interrupted."""
