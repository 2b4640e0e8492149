"""What the outside sends, verified and parsed into domain objects. One module per source."""
