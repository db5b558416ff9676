import type { ObjectStorage } from "@posthorn/posthorn/durable-object";

/** What an object has written so far, as Cloudflare counts it: rows of tables and indexes, and alarms. */
export interface Written {
  rows: number;
  alarms: number;
}

/** The storage of an object, which counts what is written. */
export function counted(storage: ObjectStorage, written: Written): ObjectStorage {
  return {
    sql: {
      exec(query, ...values) {
        const cursor = storage.sql.exec(query, ...values);
        const rows = cursor.toArray(); // until then it may not have written all
        written.rows += cursor.rowsWritten;
        return { rowsWritten: cursor.rowsWritten, toArray: () => rows };
      },
    },
    transactionSync: (action) => storage.transactionSync(action),
    sync: () => storage.sync(),
    getAlarm: () => storage.getAlarm(),
    setAlarm(atMs) {
      written.alarms++;
      return storage.setAlarm(atMs);
    },
  };
}
