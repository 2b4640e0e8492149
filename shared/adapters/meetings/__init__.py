"""Invitations to meetings: as mail (SMTP, SES) that calendars read, or as events of a Google calendar."""
