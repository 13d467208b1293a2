"""The fault campaign: what dies, fails and is cut while a run is recorded, and what is read afterwards."""
