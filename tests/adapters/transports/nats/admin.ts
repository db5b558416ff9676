// What an administrator does to a NATS server.

import { connect, type NatsConnection } from "@nats-io/transport-node";

/** Calls back with a connection of its own. */
export async function asAdministrator<Result>(
  url: string,
  act: (connection: NatsConnection) => Promise<Result>,
): Promise<Result> {
  const { host, username, password } = new URL(url);
  const connection = await connect({
    servers: host,
    ...(username ? { user: username, pass: decodeURIComponent(password) } : {}),
  });
  try {
    return await act(connection);
  } finally {
    await connection.close();
  }
}

/** Calls the interface of JetStream. */
export async function api<Result>(
  connection: NatsConnection,
  name: string,
  request?: unknown,
): Promise<Result> {
  const answer = await connection.request(
    `$JS.API.${name}`,
    request === undefined ? "" : JSON.stringify(request),
    {
      timeout: 5_000,
    },
  );
  return answer.json<Result>();
}

/** Deletes streams by their names. */
export async function deleteStreams(url: string, which: (name: string) => boolean): Promise<void> {
  await asAdministrator(url, async (connection) => {
    const { streams } = await api<{ readonly streams: readonly string[] | null }>(connection, "STREAM.NAMES");
    for (const name of (streams ?? []).filter(which)) await api(connection, `STREAM.DELETE.${name}`);
  });
}
