"""Processes that measure: how they are started and driven, and the messages to and from them."""
