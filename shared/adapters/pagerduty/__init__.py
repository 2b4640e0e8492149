"""PagerDuty: what an incident is about, and what people are told there."""
