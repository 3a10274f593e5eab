"""What only lesson 02 has."""
