/** The style sheet of the console. Every colour of text has a contrast of at least 4.5 to what is behind it, in both themes. */
export const style = `
:root {
  color-scheme: light dark;
  --back: #faf9f7; --panel: #fff; --raised: #f4f2ee; --line: #e6e2db; --text: #23211e; --quiet: #6b665e;
  --accent: #8a5a00; --accent-back: #fdf3dc; --good: #17703f; --good-back: #e3f4ea; --warn: #8a5a00; --warn-back: #fdf3dc;
  --bad: #b3261e; --bad-back: #fdecea; --one: #2f66c4; --two: #17703f; --three: #b3261e; --focus: #2f66c4;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #161513; --panel: #1d1c1a; --raised: #262421; --line: #35322d; --text: #eceae6; --quiet: #a8a298;
    --accent: #e3b04b; --accent-back: #33280f; --good: #5cc98d; --good-back: #15301f; --warn: #e3b04b; --warn-back: #33280f;
    --bad: #ff9387; --bad-back: #3a1a17; --one: #82aef5; --two: #5cc98d; --three: #ff9387; --focus: #82aef5;
  }
}
* { box-sizing: border-box; }
html { font: 15px/1.5 var(--sans); background: var(--back); color: var(--text); -webkit-text-size-adjust: 100%; }
body { margin: 0; min-height: 100vh; font-variant-numeric: tabular-nums; }
a { color: inherit; text-decoration-color: color-mix(in srgb, currentColor 35%, transparent); text-underline-offset: .2em; }
a:hover { text-decoration-color: currentColor; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 4px; }
h1 { margin: 0; font-size: 1.45rem; line-height: 1.25; font-weight: 650; letter-spacing: -.015em; overflow-wrap: anywhere; }
h2 { margin: 0 0 .6rem; font-size: 1rem; font-weight: 650; }
h1 .protocol { color: var(--quiet); font-weight: 450; }
p { margin: 0; }
code, pre, .id, .name { font-family: var(--mono); font-size: .86em; overflow-wrap: anywhere; }
time, .line { white-space: nowrap; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: fixed; top: .5rem; left: .5rem; z-index: 2; padding: .5rem 1rem; background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; transform: translateY(-200%); }
.skip:focus { transform: none; }
.none, .empty, .lead, caption { color: var(--quiet); }

header.top { display: flex; align-items: center; gap: 1rem; padding: .6rem max(1.25rem, (100% - 92rem) / 2 + 1.25rem); border-bottom: 1px solid var(--line); background: var(--panel); }
.brand { display: flex; align-items: center; gap: .5rem; font-weight: 650; text-decoration: none; letter-spacing: -.01em; }
.brand svg { width: 1.5rem; height: 1.5rem; stroke: var(--accent); fill: none; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
header.top form { flex: 1; max-width: 26rem; margin-left: auto; }
input, select { width: 100%; min-height: 2.2rem; padding: .3rem .7rem; font: inherit; color: inherit; background: var(--back);
  border: 1px solid color-mix(in srgb, var(--quiet) 60%, var(--line)); border-radius: 6px; }
input::placeholder { color: var(--quiet); opacity: 1; }
#live { min-width: 6.5rem; color: var(--quiet); font-size: .87rem; white-space: nowrap; }
#live::before { content: ""; display: inline-block; width: .5rem; height: .5rem; margin-right: .45rem; border-radius: 50%; background: var(--quiet); }
#live[data-state="live"]::before { background: var(--good); }
#live[data-state="reconnecting"]::before, #live[data-state="stopped"]::before { background: var(--bad); }

.frame { display: grid; grid-template-columns: 12.5rem minmax(0, 1fr); max-width: 92rem; margin: 0 auto; }
.side { padding: 1.1rem .75rem; }
.side ul { display: flex; flex-direction: column; gap: 1px; margin: 0; padding: 0; list-style: none; position: sticky; top: 1rem; }
.side a { display: flex; justify-content: space-between; align-items: center; padding: .38rem .7rem; border-radius: 6px; color: var(--quiet);
  text-decoration: none; white-space: nowrap; }
.side a:hover { background: var(--raised); color: var(--text); }
.side a[aria-current] { background: var(--raised); color: var(--text); font-weight: 600; }
.side .badge { margin-left: .5rem; }
main { padding: 1.5rem 1.5rem 4rem; min-width: 0; }
main:focus { outline: none; }
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: .35rem 1rem; margin-bottom: 1.25rem; }
.head .lead { flex-basis: 100%; max-width: 60rem; }
section.region { margin-bottom: 1.75rem; }
section.region:empty { display: none; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1px; margin: 0; background: var(--panel);
  border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.tiles > div { display: flex; flex-direction: column-reverse; justify-content: flex-end; padding: .8rem 1rem; box-shadow: 0 0 0 1px var(--line); }
.tiles dt { color: var(--quiet); font-size: .87rem; }
.tiles dd { margin: 0; font-size: 1.5rem; line-height: 1.3; font-weight: 620; letter-spacing: -.02em; overflow-wrap: anywhere; }
.tiles dd small { font-size: .9rem; font-weight: 450; color: var(--quiet); letter-spacing: 0; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem 1.5rem; margin: 0; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; overflow-wrap: anywhere; }

.chip { padding: .2rem .75rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--panel); color: var(--quiet); text-decoration: none;
  overflow-wrap: anywhere; }
.chip:hover { background: var(--raised); color: var(--text); }
.chip.current { color: var(--text); font-weight: 600; border-color: var(--quiet); }
.acts.all { margin-bottom: 1rem; }
td .why { margin-top: .3rem; max-width: 34rem; overflow-wrap: anywhere; }
.charts + .lead { margin-top: .6rem; font-size: .87rem; }
.tiles ~ .lead { margin-top: .6rem; }
.badge + .none, code + .badge { margin-left: .5rem; }
h2 + p.empty { margin-bottom: 0; }
.region h2:not(:first-child) { margin-top: 1.5rem; }
.badge { display: inline-block; padding: .05rem .5rem; border-radius: 1rem; font-size: .82rem; font-weight: 550; overflow-wrap: anywhere; }
.badge.word { white-space: nowrap; }
.badge.good { color: var(--good); background: var(--good-back); }
.badge.warn { color: var(--warn); background: var(--warn-back); }
.badge.bad { color: var(--bad); background: var(--bad-back); }
.badge.quiet { color: var(--quiet); background: var(--raised); }

.attention { margin: 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: 10px; background: var(--panel); overflow: hidden; }
.attention li { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline; padding: .7rem 1rem; }
.attention li + li { border-top: 1px solid var(--line); }
.attention a { font-weight: 600; }
.attention .why { color: var(--quiet); overflow-wrap: anywhere; min-width: 0; }
.calm { padding: .7rem 1rem; border: 1px solid var(--line); border-radius: 10px; background: var(--panel); color: var(--quiet); }

.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
.chart { margin: 0; padding: .9rem 1rem .6rem; background: var(--panel); border: 1px solid var(--line); border-radius: 10px; min-width: 0; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-size: .87rem; color: var(--quiet); }
.chart .title { flex-basis: 100%; color: var(--text); font-size: .95rem; font-weight: 600; }
.chart .legend b { color: var(--text); font-weight: 600; }
.chart .legend i { display: inline-block; width: 1.1rem; height: 0; margin-right: .4rem; vertical-align: .25em; border-top: 2.5px solid; }
.legend.one i { color: var(--one); } .legend.two i { color: var(--two); border-top-style: dashed; }
.legend.three i { color: var(--three); border-top-style: dotted; }
.chart svg { display: block; width: 100%; height: 7.5rem; margin-top: .5rem; }
.chart .grid { stroke: var(--line); vector-effect: non-scaling-stroke; fill: none; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.line.one { stroke: var(--one); } .line.two { stroke: var(--two); stroke-dasharray: 6 4; } .line.three { stroke: var(--three); stroke-dasharray: 2 4; }
.chart .axis { display: flex; justify-content: space-between; color: var(--quiet); font-size: .8rem; }
.chart details { margin-top: .3rem; font-size: .87rem; color: var(--quiet); }

table { width: 100%; border-collapse: collapse; background: var(--panel); }
[role="table"] { border: 1px solid var(--line); border-radius: 10px; border-collapse: separate; border-spacing: 0; }
[role="table"] thead tr > :first-child { border-top-left-radius: 10px; }
[role="table"] thead tr > :last-child { border-top-right-radius: 10px; }
[role="table"] tbody th { min-width: 7rem; }
caption { padding: 0 0 .45rem; text-align: left; font-size: .87rem; }
th, td { padding: .45rem .8rem; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--line); font-weight: 400; }
thead th { color: var(--quiet); font-size: .84rem; font-weight: 550; background: var(--raised); white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
.number { text-align: right; white-space: nowrap; }
.chart table th, .chart table td { padding: .2rem .5rem; }
.id { color: var(--quiet); }
td .id { display: inline-flex; white-space: nowrap; }
td .id .start { max-width: 7ch; overflow: hidden; text-overflow: ellipsis; }
.name .protocol { color: var(--quiet); }
.name { overflow-wrap: anywhere; }
.error { color: var(--bad); overflow-wrap: anywhere; }
summary { cursor: pointer; }
summary .line { display: inline-block; max-width: calc(100% - 1.3rem); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; vertical-align: bottom; }
.code { margin: .5rem 0 0; padding: .75rem .9rem; max-height: 28rem; overflow: auto; background: var(--raised); border-radius: 8px; white-space: pre-wrap;
  font-size: .86rem; line-height: 1.5; }
.code code { font-size: 1em; }
.bar { display: block; width: 100%; min-width: 8rem; height: 1.1rem; }
.bar .waited { fill: var(--line); } .bar .took { fill: var(--two); } .bar .failed { fill: var(--three); }
.step { margin: 0; padding: 0; list-style: none; font-size: .87rem; }
.step code, .step .name { font-size: 1em; }

form.filter { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; margin-bottom: 1rem; }
form.filter label { flex: 1 1 11rem; max-width: 20rem; font-size: .84rem; color: var(--quiet); }
form.filter label > * { margin-top: .15rem; font-size: 1rem; }
form.act { display: inline; }
button { min-height: 2.2rem; padding: .3rem .85rem; font: inherit; font-weight: 550; color: var(--text); background: var(--panel);
  border: 1px solid color-mix(in srgb, var(--quiet) 60%, var(--line)); border-radius: 6px; cursor: pointer; }
button:hover { background: var(--raised); }
button.strong { color: #fff; background: #2b4f8f; border-color: transparent; }
button.strong:hover { background: #223f73; }
button.danger { color: var(--bad); border-color: var(--bad); }
button[aria-disabled] { opacity: .6; }
td button, td .confirm > summary { min-height: 1.9rem; padding: .12rem .7rem; }
td .acts, .acts { display: flex; flex-wrap: wrap; gap: .5rem; align-items: start; }
.confirm > summary { display: inline-block; min-height: 2.2rem; padding: .3rem .85rem; border: 1px solid color-mix(in srgb, var(--quiet) 60%, var(--line));
  border-radius: 6px; font-weight: 550; list-style: none; }
.confirm > summary::-webkit-details-marker { display: none; }
.confirm[open] > summary { background: var(--raised); }
.confirm > div { margin-top: .5rem; padding: .75rem .9rem; max-width: 34rem; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); }
.confirm > div p { margin-bottom: .6rem; }
.notice { padding: .8rem 1rem; border: 1px solid var(--line); border-left: 4px solid var(--good); border-radius: 8px; background: var(--panel); overflow-wrap: anywhere; }
#fault { margin-bottom: 1.75rem; }
.notice.bad { border-left-color: var(--bad); }
.notice.warn { border-left-color: var(--warn); }
.pager { display: flex; gap: 1rem; margin-top: .8rem; }

td details:has(> summary > .line) { width: 9rem; }
td details[open]:has(> summary > .line) { width: 12rem; }
@media (min-width: 75rem) {
  td .why { min-width: 13rem; }
  td button, td .confirm > summary { white-space: nowrap; }
  td details:has(> summary > .line) { width: 11rem; }
  td details[open]:has(> summary > .line) { width: 15rem; }
}
@media (min-width: 85rem) { td details[open]:has(> summary > .line) { width: 20rem; } }
@media (min-width: 100rem) { td details[open]:has(> summary > .line) { width: 26rem; } }
@media (max-width: 72rem) {
  header.top { padding: .6rem 1rem; }
  .frame { grid-template-columns: minmax(0, 1fr); }
  .side { padding: .5rem 1rem; border-bottom: 1px solid var(--line); overflow-x: auto; }
  .side ul { flex-direction: row; position: static; width: max-content; }
  main { padding: 1.1rem 1rem 3rem; }
}
@media (max-width: 56rem) {
  .charts { grid-template-columns: minmax(0, 1fr); }
  td details:has(> summary > .line), td details[open]:has(> summary > .line) { width: auto; }
  [role="table"], [role="table"] thead, [role="table"] tbody, [role="table"] tr, [role="table"] th, [role="table"] td, [role="table"] caption { display: block; }
  [role="table"] { border: 0; background: none; }
  [role="table"] thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  [role="table"] tbody tr { margin-bottom: .7rem; padding: .55rem .9rem; background: var(--panel); border: 1px solid var(--line); border-radius: 10px; }
  [role="table"] tbody th, [role="table"] tbody td { padding: .18rem 0; border: 0; text-align: left; white-space: normal; overflow-wrap: anywhere; }
  [role="table"] td[data-label] { display: grid; grid-template-columns: 7.2rem minmax(0, 1fr); gap: .5rem; }
  [role="table"] td[data-label]::before { content: attr(data-label); color: var(--quiet); font-size: .87rem; }
  [role="table"] td:has(> div:empty), [role="table"] td:has(> div > .dash:only-child) { display: none; }

  .facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .facts dd { margin-bottom: .5rem; }
}
@media (max-width: 44rem) {
  header.top { flex-wrap: wrap; }
  header.top form { order: 3; flex-basis: 100%; max-width: none; }
  #live { margin-left: auto; min-width: 0; }
}
@media (prefers-contrast: more) { :root { --line: currentColor; --quiet: var(--text); } }
`;
