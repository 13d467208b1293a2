"""The tests, in folders that mirror the rooms of the harness; what they share is in `support`."""
