"""The engine: accepts what came in, advances responses, holds leases, commits. It knows no step by name."""
