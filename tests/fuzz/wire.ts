import type { Sending } from "./requests.ts";

/** The time limit of a response. */
const patienceMs = 10_000;
/** How long a client waits if the server cannot tell where its request ends. Then it disconnects. */
const leaveMs = 5;

/**
 * Writes a sending, and reads until the server closes the connection. A client whose request has no end
 * disconnects after a moment; the length of that moment only decides how far the server gets with it.
 */
export async function exchange(port: number, { pieces, whole }: Sending): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let left = false;
  const leave = () => {
    try {
      connection.close();
    } catch (error) {
      requireClosed(error); // it is already closed
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
    requireClosed(error); // it already has its response
  }
}

async function receive(connection: Deno.TcpConn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  try {
    for (let count; (count = await connection.read(buffer)) !== null;) {
      text += decoder.decode(buffer.subarray(0, count), { stream: true });
      // An event stream has no end: the client disconnects after its start.
      if (/content-type: text\/event-stream/i.test(text) && text.includes("retry: ")) return text;
    }
  } catch (error) {
    requireClosed(error);
  }
  return text;
}

/** Rethrows errors other than the end of a connection on either side. */
function requireClosed(error: unknown): void {
  const { BadResource, BrokenPipe, ConnectionReset, Interrupted, NotConnected } = Deno.errors;
  const ends = [BadResource, BrokenPipe, ConnectionReset, Interrupted, NotConnected];
  if (!ends.some((end) => error instanceof end)) throw error;
}
