"""A batch in two halves, each computed on one thread, side by side or one after the other, with the same result.

Two threads that share each layer of a network wait for each other after each layer. Alone on a machine that costs
little; beside other programs, each layer takes as long as the thread that was held up longest. Two halves of a batch
wait for each other once, at the end. So a batch is always cut in the same two halves, and each is always computed on
one thread: whether they run side by side or one after the other is measured, and changes no bit of what comes out.
"""

from course_utils.halves.choice import Choice
from course_utils.halves.cut import cut, joined
from course_utils.halves.threads import chosen_by, compute, inside, on_one_thread, one_thread

__all__ = ["Choice", "chosen_by", "compute", "cut", "inside", "joined", "on_one_thread", "one_thread"]
