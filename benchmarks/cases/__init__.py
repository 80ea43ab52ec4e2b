"""Programs with real faults, and healthy but busy ones beside them. None of them knows of BeamLens."""
