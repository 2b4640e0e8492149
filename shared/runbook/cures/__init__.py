"""The cures: how each remedy is taken, one file each."""
