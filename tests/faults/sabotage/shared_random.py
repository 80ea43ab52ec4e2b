"""Give each forked process the generator of random numbers as its parent had it: Python gives it a new seed."""

import os
import random

_state = random.getstate()
os.register_at_fork(after_in_child=lambda: random.setstate(_state))
