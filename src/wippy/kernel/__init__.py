"""How units run: the VM, its Lua kernel, the worker thread."""
