"""What lesson 12 may weigh in `weights/`, in MB: two data sets and two sizes of a network that knows classes."""

WEIGHTS = 8.0
