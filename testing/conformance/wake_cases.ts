import { applied, type Bench, expect, puts } from "./expectations.ts";

const hourMs = 3_600_000;

/** The cases about the time at which the platform starts the process, for stores that can ask it to. */
export const wakeCases: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  async "the platform starts the process by the time that was asked for, if a commit has followed"(
    { connection, connect, clock, alarmMs },
  ) {
    if (connection.wakeAt === undefined || alarmMs === undefined) return;
    const inTime = async (atMs: number, when: string) => {
      const setMs = await alarmMs();
      expect(setMs !== null && setMs <= Math.ceil(atMs), `an alarm by ${atMs} ${when}: it is ${setMs}`);
    };
    const nowMs = clock.now();
    connection.wakeAt(nowMs + 2 * hourMs);
    await applied(connection, puts({ a: "1" }));
    await inTime(nowMs + 2 * hourMs, "after the first call");
    connection.wakeAt(nowMs + hourMs);
    await applied(connection, puts({ a: "2" }));
    await inTime(nowMs + hourMs, "after an earlier time");
    await connection.close();
    const next = await connect();
    await inTime(nowMs + hourMs, "after the connection was closed");
    next.wakeAt!(nowMs + hourMs / 2);
    await applied(next, puts({ a: "3" }));
    await inTime(nowMs + hourMs / 2, "by the next connection");
  },

  async "after nothing waited, the platform starts the process by the next time that was asked for"(
    { connection, clock, alarmMs },
  ) {
    if (connection.wakeAt === undefined || alarmMs === undefined) return;
    const nowMs = clock.now();
    connection.wakeAt(nowMs + hourMs);
    await applied(connection, puts({ a: "1" }));
    connection.wakeAt(undefined);
    await applied(connection, puts({ a: "2" }));
    connection.wakeAt(nowMs + 3 * hourMs);
    await applied(connection, puts({ a: "3" }));
    const setMs = await alarmMs();
    expect(
      setMs !== null && setMs <= nowMs + 3 * hourMs,
      `an alarm by ${nowMs + 3 * hourMs}: it is ${setMs}`,
    );
  },
};
