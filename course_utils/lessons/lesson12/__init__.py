"""What only lesson 12 has."""
