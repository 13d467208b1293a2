"""The proof of verdicts on claims: what the rule decides on recorded units, beside the rule that came
before."""
