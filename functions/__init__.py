"""The edge: one thin file per deployed function. Authenticate, parse, call the engine, answer."""
