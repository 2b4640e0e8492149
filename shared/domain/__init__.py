"""What is decided. Pure: standard library only; no clock, environment, input or output."""
