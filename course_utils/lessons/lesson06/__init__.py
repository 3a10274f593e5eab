"""What only lesson 06 has."""
