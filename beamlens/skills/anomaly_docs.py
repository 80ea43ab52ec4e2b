"""What the `anomaly` skill tells the model: its subject, its callbacks with examples, and its check."""

from __future__ import annotations

from typing import Final

from beamlens.skills.checks import Check, Threshold

__all__ = ["CHECKS", "DOCS", "SYSTEM_PROMPT"]

SYSTEM_PROMPT: Final = """\
You watch statistics over the numbers that all other skills tell of a running Python application. What is usual was
learned from the program itself: a median, and how far values stray from it; counters are judged by their growth per
second.

What to look for:
- `state`: while it is `learning` nothing is judged; in `cooldown` an escalation was told a while ago.
- `anomalies`: what is far from usual, by how many times its usual straying (`distance`), and for how many samples in a
  row (`times`). One sample is chance; three are not.
Far from usual is not the same as bad: more traffic is unusual, too. Say which numbers moved together, and leave it to
the operators of those skills to say why.
A value that is missing (nil) was not measured; `missing` says why. Never take it for 0."""

DOCS: Final = """\
A metric is named by its skill and its path in that skill's snapshot: `vm.memory.rss_mb`.

### anomaly_get_state()
`state` (`learning`, `active`, `cooldown`), `in_state_seconds`, `learned_part`, `samples`, `restored` (baselines are
from an earlier life), `escalations_total`.

```lua
return anomaly_get_state().state
```

### anomaly_get_status()
As anomaly_get_state (`state`, `in_state_seconds`, `learned_part`, `samples`, `restored`, `escalations_total`), and
`settings`, `interval` (seconds between samples), `metrics`, `learned` (how many have a baseline), `skills`.

```lua
return anomaly_get_status().settings.far
```

### anomaly_list(limit)
What is far from usual, the farthest first: `anomalies`, rows of `key`, `skill`, `metric`, `value`, `usual`, `strays`,
`distance`, `per_second` (it is a counter's growth), `times`; `total`; and as anomaly_get_state `state`,
`in_state_seconds`, `learned_part`, `samples`, `restored`, `escalations_total`. `limit` 1 to 50, default 10.

```lua
for _, a in ipairs(anomaly_list(5).anomalies) do print(a.key, a.value, a.usual, a.distance) end
```

### anomaly_baseline(metric)
What is usual for one metric: `metric`, `usual` (median), `strays`, `learned_from` (samples), `per_second`, and now:
`value`, `distance`, `times`.

```lua
local m = anomaly_metrics("", 1).metrics[1]
return m and anomaly_baseline(m).usual
```

### anomaly_metrics(part, limit)
`metrics`: names of metrics with `part` in them (default all), sorted; `total`. `limit` 1 to 50, default 20.

```lua
return anomaly_metrics("memory", 5).total
```
"""

CHECKS: Final = (
    Check(
        name="unusual_value",
        when=Threshold("anomalies.*.times", ">=", {"path": "in_a_row"}),
        severity="warning",
        observation=(
            "{key} is {anomalies.*.value}, where {anomalies.*.usual} is usual: {anomalies.*.distance} times as far "
            "away as it strays ({anomalies.*.strays}), in {value} samples in a row"
        ),
        context="{anomalous} of {metrics} metrics are far from usual; learned from {samples} samples",
        entities=("{key}",),
        remedy="Ask the operator of {anomalies.*.skill} what moved its {anomalies.*.metric}.",
    ),
)
"""The check."""
