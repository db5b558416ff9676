/** The style of the live page, in light and dark mode. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f7f5f0, #14161a);
  --card: light-dark(#ffffff, #1d2026);
  --line: light-dark(#e4dfd4, #2c313a);
  --text: light-dark(#23262b, #e8e6e1);
  --quiet: light-dark(#6d6a62, #969ba6);
  --brass: light-dark(#a86a00, #e8b04a);
  --new: light-dark(#fdf0d5, #3a2f17);
  --bad: light-dark(#b3261e, #ff8a80);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
header, main { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; align-items: center; justify-content: space-between; padding-top: 1.5rem; }
h1 { margin: 0; font-size: 1.4rem; letter-spacing: -0.01em; }
h1::before { content: ""; display: inline-block; width: .7rem; height: .7rem; margin-right: .6rem;
  border: .22rem solid var(--brass); border-radius: 50%; }
#status { margin: 0; padding: .15rem .7rem; border: 1px solid var(--line); border-radius: 1rem; color: var(--quiet);
  font-size: .85rem; }
#status::before { content: "●"; margin-right: .4rem; color: var(--bad); }
#status.live::before { color: light-dark(#1a7f37, #4ac26b); }
section { margin-top: 1.25rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; }
.tile, #rate, table { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.tile { padding: .8rem 1rem; }
.tile b { display: block; font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span, .caption, th { color: var(--quiet); font-size: .85rem; font-weight: normal; }
#rate { display: flex; align-items: flex-end; gap: 2px; height: 5rem; padding: .5rem; }
#rate i { flex: 1; min-height: 2px; background: var(--brass); border-radius: 2px 2px 0 0; }
#rate i.none { background: var(--line); }
.caption { display: flex; justify-content: space-between; margin: .35rem .25rem 0; }
table { width: 100%; border-spacing: 0; overflow: hidden; }
th { text-align: left; }
th, td { padding: .4rem 1rem; border-bottom: 1px solid var(--line); white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; max-width: 18rem; }
tr:last-child td { border-bottom: 0; }
tr.new td { animation: arrive 1.5s ease-out; }
@keyframes arrive { from { background: var(--new); } }
.subject { font-weight: 600; }
.label { margin-left: .5rem; padding: 0 .5rem; border: 1px solid var(--brass); border-radius: 1rem; color: var(--brass);
  font-size: .8rem; }
.id { color: var(--quiet); font: .85rem ui-monospace, monospace; }
#empty { padding: 1rem; color: var(--quiet); text-align: center; }
code { font: .9em ui-monospace, monospace; }
@media (max-width: 40rem) {
  table { table-layout: fixed; }
  th, td { padding: .4rem .6rem; white-space: normal; overflow-wrap: anywhere; }
  th:nth-child(n + 3), td:nth-child(n + 3) { display: none; }
}
@media (prefers-reduced-motion: reduce) { tr.new td { animation: none; } }
`;

/**
 * The script that updates the live page: from the event stream of the ingress, and with the statistics once
 * per second.
 */
export const script = `
const rowsMax = 50;
const perSecond = new Array(60).fill(0);
const find = (id) => document.getElementById(id);
const status = find("status");
const rows = find("deliveries");

function cell(...parts) {
  const td = document.createElement("td");
  td.append(...parts);
  return td;
}
function span(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}
function showDelivery({ event, action, label, repository, sender, id }) {
  const subject = span("subject", action === undefined ? event : event + "." + action);
  const row = document.createElement("tr");
  row.className = "new";
  row.append(cell(subject, ...(label === undefined ? [] : [span("label", label)])));
  row.append(cell(repository), cell(sender ?? ""), cell(id));
  row.lastChild.className = "id";
  rows.prepend(row);
  while (rows.children.length > rowsMax) rows.lastChild.remove();
  find("empty").hidden = true;
  perSecond[perSecond.length - 1]++;
}
function showRate() {
  const peak = Math.max(...perSecond);
  find("rate").replaceChildren(...perSecond.map((count) => {
    const bar = document.createElement("i");
    if (count === 0) bar.className = "none";
    else bar.style.height = 100 * count / peak + "%";
    return bar;
  }));
  find("peak").textContent = peak === 0 ? "" : "peak " + peak;
}

const deliveries = new EventSource("/api/events/repository/recorded");
deliveries.onopen = () => { status.textContent = "live"; status.className = "live"; };
deliveries.onerror = () => { status.textContent = "reconnecting"; status.className = ""; };
deliveries.onmessage = (message) => showDelivery(JSON.parse(message.data));

showRate();
setInterval(async () => {
  showRate();
  perSecond.shift();
  perSecond.push(0);
  try {
    const numbers = await (await fetch("/stats")).json();
    for (const element of document.querySelectorAll("[data-number]")) {
      element.textContent = numbers[element.dataset.number].toLocaleString("en");
    }
  } catch { /* the stream says that it is gone */ }
}, 1_000);
`;
