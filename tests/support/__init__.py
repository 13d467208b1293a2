"""What tests share: replayed devices, made repositories, browsers, processes to be looked after."""
