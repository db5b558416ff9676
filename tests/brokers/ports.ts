const lowest = 20_000;
const highest = 32_000;

/**
 * Loopback ports that nobody uses. They are below those that the system gives to outgoing connections (from
 * 32,768 on Linux): while a server is away, the port of a client must not become the port of the server.
 */
export function freePorts(count: number): number[] {
  const listeners: Deno.TcpListener[] = [];
  try {
    for (let attempt = 0; listeners.length < count; attempt++) {
      const port = lowest + Math.floor(Math.random() * (highest - lowest));
      try {
        listeners.push(Deno.listen({ hostname: "127.0.0.1", port }));
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse) || attempt === 1_000) throw error;
      }
    }
    return listeners.map(({ addr }) => addr.port);
  } finally {
    for (const listener of listeners) listener.close();
  }
}

/**
 * Sends bytes to a loopback port, and returns the answer as soon as it is complete; what has come of it after
 * two seconds, or until the server closes; nothing if nobody listens.
 */
export async function answerOf(
  port: number,
  request: Uint8Array,
  isComplete: (answer: Uint8Array) => boolean,
): Promise<Uint8Array> {
  const answer = new Uint8Array(4_096);
  let length = 0;
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return answer.subarray(0, 0);
    throw error;
  }
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    connection.close();
  }, 2_000);
  try {
    if (request.length > 0) await connection.write(request);
    while (length < answer.length && !isComplete(answer.subarray(0, length))) {
      const read = await connection.read(answer.subarray(length));
      if (read === null) break;
      length += read;
    }
  } catch (error) {
    if (!isOver && !(error instanceof Deno.errors.ConnectionReset)) throw error;
  } finally {
    clearTimeout(timer);
    if (!isOver) connection.close();
  }
  return answer.subarray(0, length);
}
