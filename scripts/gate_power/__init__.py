"""The proof of the gate: what it and the rules of others say on recorded samples, and what the gate says live."""
