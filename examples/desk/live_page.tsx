import { raw } from "hono/html";
import type { JSX } from "hono/jsx/jsx-runtime";
import { script, style } from "./live_page_assets.ts";
import { type Recorded, subjectOf } from "./protocols.ts";
import type { DeskStats } from "./stats.ts";

/**
 * The page that shows the desk at work: complete when it arrives, kept up to date by its script. Script and style have
 * the nonce that the page's policy lets run.
 */
export function livePage(latest: readonly Recorded[], stats: DeskStats, nonce: string): JSX.Element {
  return (
    <>
      {raw("<!doctype html>")}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>Webhook desk</title>
          <link rel="icon" href="data:," />
          <style nonce={nonce}>{raw(style)}</style>
        </head>
        <body>
          <header>
            <h1>Webhook desk</h1>
            <p id="status" role="status">connecting</p>
            <p>
              <a href="/console/">Console</a>
            </p>
          </header>
          <main>
            <section class="tiles" aria-label="Numbers">
              <Tile name="deliveries" label="deliveries" value={stats.deliveries} />
              <Tile name="repositories" label="repositories" value={stats.repositories} />
            </section>
            <section aria-label="Deliveries per second in the last minute">
              <div id="rate" aria-hidden="true"></div>
              <p class="caption">
                <span>deliveries per second, last minute</span>
                <span id="peak"></span>
              </p>
            </section>
            <section aria-label="Latest deliveries">
              <table>
                <thead>
                  <tr>
                    <th>what happened</th>
                    <th>repository</th>
                    <th>by</th>
                    <th>delivery</th>
                  </tr>
                </thead>
                <tbody id="deliveries">
                  {latest.map((recorded) => <Row key={recorded.id} recorded={recorded} />)}
                </tbody>
              </table>
              <p id="empty" hidden={latest.length > 0}>
                Nothing yet. POST a signed webhook to <code>/webhooks</code>, and it appears here.
              </p>
            </section>
          </main>
          <script nonce={nonce}>{raw(script)}</script>
        </body>
      </html>
    </>
  );
}

function Tile({ name, label, value }: { name: string; label: string; value: number }): JSX.Element {
  return (
    <div class="tile">
      <b data-number={name}>{value.toLocaleString("en")}</b>
      <span>{label}</span>
    </div>
  );
}

function Row({ recorded }: { key: string; recorded: Recorded }): JSX.Element {
  return (
    <tr>
      <td>
        <span class="subject">{subjectOf(recorded)}</span>
        {recorded.label === undefined ? "" : <span class="label">{recorded.label}</span>}
      </td>
      <td>{recorded.repository}</td>
      <td>{recorded.sender ?? ""}</td>
      <td class="id">{recorded.id}</td>
    </tr>
  );
}
