"""What only lesson 04 has."""
