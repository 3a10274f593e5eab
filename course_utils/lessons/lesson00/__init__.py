"""What only lesson 00 has."""
