"""What only lesson 10 has."""
