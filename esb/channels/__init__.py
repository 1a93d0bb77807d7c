"""What channels share: whom a message is for and whom it reached, mail, phone numbers, and the ways out."""
