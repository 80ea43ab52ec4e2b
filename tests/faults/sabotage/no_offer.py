"""Have children not offer themselves to the kernel when it is out of memory."""

from supervision.process import host

assert hasattr(host, "_offer_to_the_oom_killer"), "what this switches off has another name now"
host._offer_to_the_oom_killer = lambda: None
