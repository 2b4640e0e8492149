"""The runbook's steps, one file each, in the runbook's order and words."""
