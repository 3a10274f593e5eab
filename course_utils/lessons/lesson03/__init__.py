"""What only lesson 03 has."""
