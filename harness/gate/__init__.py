"""The gate: base against head, pair after pair, until every decision is made."""
