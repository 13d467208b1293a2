"""What single claims put on trial besides loaders: decoders, samplers, statistics, preloading."""
