"""Have the fork server reap a dead child without killing what the child left behind."""

from supervision.process import zygote

zygote._kill_group = lambda pid: None
