"""The rules provider: what BeamLens does without a model.

`RulesModel` (model.py) answers requests. operator.py and coordinator.py are its policies; conditions.py and trends.py
judge a skill's declared checks; causes.py is the table of causes, correlate.py puts findings together by it.
"""

from beamlens.llm.rules.model import RulesModel

__all__ = ["RulesModel"]
