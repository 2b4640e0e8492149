"""Every outside system behind a port: one module or package each, which knows no other and no rules."""
