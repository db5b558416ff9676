import type { System } from "@posthorn/posthorn";
import type { Report } from "./history.ts";
import { ears, keys, otherOf, type PeerName, peers } from "./peers.ts";

/** Says what the actors of the service have received and sent. */
export async function reportStates(
  system: System,
  name: PeerName,
  say: (report: Report) => void,
): Promise<void> {
  const own = peers[name];
  const committed = (stream: string, count: number) =>
    say({ is: "committed", stream, count, promised: "in order" });
  for (const key of [...keys, ...ears]) {
    const { received, sent } = await system.ref(own, key).ask(own.state, { timeoutMs: 30_000 });
    for (const [stream, runs] of Object.entries(received)) say({ is: "received", stream, runs });
    for (const [stream, count] of Object.entries(sent)) {
      if (stream.endsWith(">news")) {
        for (const ear of ears) committed(`${stream}>${otherOf(name)}/${ear}`, count);
      } else committed(stream, count);
      // Each submit of a turn is answered with its number.
      if (stream.startsWith("asked ")) committed(`answers ${otherOf(name)}/${key}>${name}/${key}`, count);
    }
  }
}

/** Says which dead letters there are. */
export function reportDead(system: System, say: (report: Report) => void): void {
  const letters = system.deadLetters.list();
  const reasons = new Set(letters.map(({ reason }) => reason));
  for (const reason of reasons) {
    const of = letters.filter((letter) => letter.reason === reason);
    say({ is: "dead", reason, count: of.length, example: `${of[0].operation}: ${of[0].message}` });
  }
}
