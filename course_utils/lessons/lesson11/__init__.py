"""What only lesson 11 has."""
