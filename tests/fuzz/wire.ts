import type { Sending } from "./requests.ts";

/** How long an answer may take before that is a fault. */
const patienceMs = 10_000;
/** How long a client waits whose request has no end that the server could see. Then it leaves. */
const leaveMs = 5;

/**
 * Writes what is to be sent, and reads what comes until the server has closed. A client whose request has no end leaves
 * after a moment: how long that is decides only how far the server came with it.
 */
export async function exchange(port: number, { pieces, whole }: Sending): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let left = false;
  const leave = () => {
    try {
      connection.close();
    } catch (error) {
      requireClosed(error); // it is closed already
    }
  };
  const timer = setTimeout(() => {
    left = true;
    leave();
  }, whole ? patienceMs : leaveMs);
  try {
    const [received] = await Promise.all([receive(connection), send(connection, pieces)]);
    if (whole && left) throw new Error(`no end of the answer in ${patienceMs} ms: ${received}`);
    return received;
  } finally {
    clearTimeout(timer);
    leave();
  }
}

async function send(connection: Deno.TcpConn, pieces: readonly Uint8Array[]): Promise<void> {
  try {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length;) at += await connection.write(piece.subarray(at));
    }
  } catch (error) {
    requireClosed(error); // it has its answer already
  }
}

async function receive(connection: Deno.TcpConn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  try {
    for (let count; (count = await connection.read(buffer)) !== null;) {
      text += decoder.decode(buffer.subarray(0, count), { stream: true });
      // A stream of events has no end: who has its beginning leaves.
      if (/content-type: text\/event-stream/i.test(text) && text.includes("retry: ")) return text;
    }
  } catch (error) {
    requireClosed(error);
  }
  return text;
}

/** Throws what is no end of a connection, of whichever side. */
function requireClosed(error: unknown): void {
  const { BadResource, BrokenPipe, ConnectionReset, Interrupted, NotConnected } = Deno.errors;
  const ends = [BadResource, BrokenPipe, ConnectionReset, Interrupted, NotConnected];
  if (!ends.some((end) => error instanceof end)) throw error;
}
