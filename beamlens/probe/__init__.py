"""The probe: runs skills where the live state is, within limits of time and size, and answers operators.

runner      one skill on a thread of its own        calls      one call: performed, reduced, redacted
watchdog    the deadlines of all calls              arguments  checked against a callback's signature
probe       the actor that holds the runners        plain      results as JSON data, never too large
remote      what operators hold of a skill          faults     what a skill raised, in words
specs       which skills, and how they are made     messages   what is asked, and what is answered
"""
