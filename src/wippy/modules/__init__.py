"""What units can require. One file or folder per module; `catalog.py` lists them."""
