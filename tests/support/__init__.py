"""Support that tests share: clients, clocks, worlds and configurations."""
