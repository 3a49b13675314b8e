"""How the page looks: in one column on a phone, side by side where there is room, light or dark."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --card: #f5f6f8; --ink: #1b1f24;
  --soft: #565d66; --rule: #d5d9de; --c0: #1f6fb4; --c1: #b05000; --c2: #17734f; --c3: #9a4fa3;
  --c4: #8a6d00; --c5: #b8304a; --c6: #4d6472; --c7: #5b55c4; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --card: #1e2226; --ink: #e8eaed;
  --soft: #a5adb6; --rule: #3b4249; --c0: #62aef0; --c1: #f2994a; --c2: #4cc79a; --c3: #d08ddb;
  --c4: #d8b93b; --c5: #f27a8e; --c6: #9db4c2; --c7: #a09bf5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 16px; background: var(--paper);
  color: var(--ink); font: 16px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere; -webkit-text-size-adjust: 100%; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 1.2rem; margin: 0 0 4px; }
h3 { font-size: 1rem; margin: 16px 0 4px; }
p { margin: 4px 0 12px; max-width: 46rem; }
section { border-top: 1px solid var(--rule); margin-top: 28px; padding-top: 16px; }
.note, figcaption, caption, summary, .facts dt { color: var(--soft); }
.cards { display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
figure { margin: 0; background: var(--card); border-radius: 8px; padding: 10px; min-width: 0; }
figcaption { font-size: .9rem; }
figure > figcaption:first-child { color: var(--ink); font-weight: 600; }
.chart svg { display: block; width: 100%; height: auto; }
svg text { font-family: inherit !important; }
.big { display: grid; gap: 10px; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
.big div { background: var(--card); border-radius: 8px; padding: 10px; font-size: .9rem; }
.big strong { display: block; font-size: 1.6rem; line-height: 1.2; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px 12px;
  margin: 8px 0 16px; }
.facts dd { margin: 0; min-width: 0; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; margin: 8px 0;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 4px; }
th, td { padding: 4px 6px; border-bottom: 1px solid var(--rule); text-align: right;
  vertical-align: top; }
th:first-child { text-align: left; font-weight: 500; min-width: 5rem; }
thead th { color: var(--soft); font-weight: 500; overflow-wrap: normal; }
thead th.long { overflow-wrap: anywhere; }
td { white-space: nowrap; }
.words table { table-layout: fixed; }
.words td, .words th { text-align: left; white-space: normal; }
details { margin: 6px 0; }
summary { cursor: pointer; padding: 6px 0; font-size: .9rem; }
.examples { display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
.tiles { display: grid; gap: 6px; margin-top: 6px;
  grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); }
.tile { font-size: .85rem; text-align: center; line-height: 1.25; }
.tile img { display: block; width: 100%; height: auto; border-radius: 4px; }
.picture { width: 100%; height: auto; display: block; }
.warning { border-left: 4px solid var(--c1); padding-left: 10px; }
.label { color: var(--c2); font-weight: 600; }
.find { color: var(--c1); font-weight: 600; }
"""
