"""The forms of a report: one module a form, and what they share."""
