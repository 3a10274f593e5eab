"""What only one lesson has, one slice a lesson: its checks, explorer, studies and their results, recipes, pictures.

A slice is found by its name at run time, and imports no other slice.
"""
