"""The proof of the gate: what it and the rules of others decide on recorded samples, and what the gate
decides live."""
