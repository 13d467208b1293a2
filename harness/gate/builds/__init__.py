"""The sides of a gate: what each is made of, made ready to be measured, and removed afterwards."""
