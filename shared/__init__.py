"""What Backout decides and does, apart from its edge (``functions``) and its command line (``cli``)."""
