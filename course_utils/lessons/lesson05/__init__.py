"""What only lesson 05 has."""
