"""Images: where they lie, how they are decoded, what is done to them, and the datasets made of them."""
