"""The style of the page: plain, both for light and for dark screens."""

from __future__ import annotations

from typing import Final

__all__ = ["STYLE"]

STYLE: Final = """
:root { color-scheme: light dark; --fg: #1c2430; --bg: #ffffff; --soft: #5d6b7d; --line: #d5dbe3; --card: #f5f7fa;
  --healthy: #3a9d5d; --observing: #2d8fb8; --warning: #d9931c; --critical: #cc3b3b; --coordinator: #7a6bb5; }
@media (prefers-color-scheme: dark) { :root { --fg: #e3e8ef; --bg: #14181f; --soft: #94a1b3; --line: #323b48;
  --card: #1d232d; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); max-width: 1040px;
  margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
.soft { color: var(--soft); } .bad { color: var(--critical); } .warn { color: var(--warning); }
code, pre { font: 13px/1.45 ui-monospace, monospace; white-space: pre-wrap; margin: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .7rem 1rem;
  margin: .6rem 0; }
.sentence { font-weight: 600; margin: .9rem 0 .2rem; } .guess { font-style: italic; font-weight: 400; }
.support { border-left: 3px solid var(--line); padding-left: .8rem; margin: .3rem 0 .6rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top;
  padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line); } th { font-weight: 600; color: var(--soft); }
.support table { width: auto; } .lua { margin: .35rem 0; }
td.num { font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--fg); font: 12px system-ui, sans-serif; }
svg .soft { fill: var(--soft); } svg .axis { stroke: var(--line); }
svg .healthy { fill: var(--healthy); } svg .observing { fill: var(--observing); } svg .warning { fill: var(--warning); }
svg .critical { fill: var(--critical); } svg .coordinator { fill: var(--coordinator); }
svg .tool { stroke: var(--fg); } svg .lua { stroke: var(--fg); stroke-width: 3; }
svg .failed { stroke: var(--critical); stroke-width: 3; }
svg .crash { stroke: var(--critical); stroke-width: 3; fill: none; } svg .gap { fill: var(--bg); opacity: .6; }
svg .found { fill: var(--fg); } svg .curve { fill: none; stroke: var(--observing); stroke-width: 2; }
svg .dot { fill: var(--observing); } svg .mark { stroke: var(--warning); stroke-dasharray: 3 3; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); gap: .8rem; }
.key span { display: inline-block; margin-right: 1.1rem; } .key i { display: inline-block; width: .8rem; height: .8rem;
  margin-right: .35rem; border-radius: 2px; }
details { margin: .4rem 0; } summary { cursor: pointer; font-weight: 600; }
"""
