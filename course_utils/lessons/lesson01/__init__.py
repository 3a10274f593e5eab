"""What only lesson 01 has."""
