"""What tests share: clients, clocks, worlds and configurations."""
