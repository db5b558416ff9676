// One caller cannot read, displace or detect messages of another: in this process and the next.

import assert from "node:assert/strict";
import { TerminalError } from "@posthorn/posthorn";
import {
  deadOf,
  inMemory,
  kinds,
  missedMs,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  Worker,
  worker,
} from "./durable_stage.ts";
import { asIngress } from "../../as_ingress.ts";

const echo = { echo: (_ctx: unknown, text: string) => text };
const unknown = { name: "NotFoundError", code: "unknown-reply" };
const refuse = {
  refuse(): never {
    throw new TerminalError("No.", { code: "refused" });
  },
};

onEach(
  kinds,
  "the name of a reply is its own, and a repeat has the same, also at the next process",
  async (stage) => {
    const first = await stage.start([worker(echo)]);
    const alice = { id: "order-17", caller: "alice" };
    const ticket = await ref(first, "ada").submit(Worker.job, "echo tea", alice);
    assert.match(ticket.id, /^R[0-9A-Z]{26}$/);
    assert.equal(await ticket.reply(), "tea");
    await stage.kill(first);
    const second = await stage.start([worker(echo)]);
    const again = await ref(second, "ada").submit(Worker.job, "echo tea", alice);
    assert.equal(again.id, ticket.id);
    assert.equal(
      await second.ticket(ticket.id, undefined, { caller: "alice" }).reply({ timeoutMs: 0 }),
      "tea",
    );
  },
);

onEach(
  kinds,
  "a reply is found by its name and its caller, and by nothing that looks like them",
  async (stage) => {
    const system = await stage.start([worker(echo)]);
    const callers = [undefined, "alice", "alice\nb", "é", "%C3%A9"];
    for (const caller of callers) {
      const { id } = await ref(system, `${callers.indexOf(caller)}`).submit(
        Worker.job,
        "echo secret",
        asIngress({
          id: "1",
          caller,
        }),
      );
      await stage.settle();
      assert.equal(await system.ticket(id, undefined, { caller }).reply({ timeoutMs: 0 }), "secret");
      for (const other of [...callers, "b"].filter((other) => other !== caller)) {
        for (const name of [id, `${caller}\n${id}`, `${encodeURIComponent(caller ?? "")}\n${id}`, "1"]) {
          await assert.rejects(
            system.ticket(name, undefined, { caller: other }).reply({ timeoutMs: 0 }),
            unknown,
          );
        }
      }
      for (const name of ["", "1", "\u0000", "\ud800", "x".repeat(100_000), id.toLowerCase(), `${id}0`]) {
        await assert.rejects(system.ticket(name, undefined, { caller }).reply({ timeoutMs: 0 }), unknown);
      }
      await assert.rejects(
        system.ticket(id, undefined, { caller: "\ud800" }).reply({ timeoutMs: 0 }),
        unknown,
      );
    }
  },
);

onEach(
  kinds,
  "what a turn submits has a name of its own for its reply, whatever id it gives",
  async (stage) => {
    const names: string[] = [];
    const system = await stage.start([worker({
      ...echo,
      order: (ctx) => void names.push(ctx.ref(Worker, "bob").submit(Worker.job, "echo tea", { id: "7" })),
    })]);
    await ref(system, "ada").tell(Worker.run, "order");
    await stage.until("it is answered", async () => (await notesOf(system, "bob"), names.length === 1));
    await stage.settle();
    assert.equal(await system.ticket(names[0]).reply({ timeoutMs: 0 }), "tea");
    await assert.rejects(system.ticket("7").reply({ timeoutMs: 0 }), unknown);
  },
);

onEach(
  kinds,
  "dead letters of one caller, or operation, do not push out those of another, from the store either",
  async (stage) => {
    const options = { limits: { deadLetters: 10 } };
    const first = await stage.start([worker(refuse)], options);
    const ada = ref(first, "ada");
    await ada.tell(Worker.run, "refuse", asIngress({ id: "alices", caller: "alice" }));
    await ada.tell(Worker.run, "refuse", { id: "programs" });
    for (let index = 0; index < 30; index++) {
      await ada.tell(Worker.run, "refuse", asIngress({ id: `${index}`, caller: "mallory" }));
    }
    await stage.pass(5_000);
    const latest = Array.from({ length: 8 }, (_, index) => `${index + 22}`);
    assert.deepEqual(first.deadLetters.list().map(({ id }) => id), ["alices", "programs", ...latest]);
    await stage.kill(first);
    const second = await stage.start([worker(refuse)], { limits: { deadLetters: 100 } });
    assert.deepEqual(second.deadLetters.list().map(({ id }) => id), ["alices", "programs", ...latest]);
  },
);

inMemory("dead letters are bounded in bytes, in the store as well", async (stage) => {
  const system = await stage.start([worker(refuse)], { limits: { deadLetterBytes: 6_000 } });
  for (let index = 0; index < 9; index++) {
    await ref(system, "ada").tell(Worker.run, `refuse ${"x".repeat(1_000)}`, { id: `${index}` });
  }
  await stage.pass(5_000);
  const kept = system.deadLetters.list().map(({ id }) => id);
  assert.deepEqual(kept, ["5", "6", "7", "8"]);
  await stage.kill(system);
  const second = await stage.start([worker(refuse)]);
  assert.deepEqual(second.deadLetters.list().map(({ id }) => id), kept);
});

inMemory("a full list of dead letters is not read again for each one more", async (stage) => {
  const system = await stage.start([worker(refuse)], { limits: { deadLetters: 200 } });
  const letters = async (count: number) => {
    for (let index = 0; index < count; index++) await ref(system, "ada").tell(Worker.run, "refuse");
    await stage.settle();
  };
  await letters(210);
  const { lists } = stage.storeOf(system);
  const before = lists.get("dead")!;
  await letters(5);
  assert.ok(lists.get("dead")! - before <= 5, `${lists.get("dead")! - before}`);
  assert.equal(system.deadLetters.size, 200);
});

onEach(
  kinds,
  "a mailbox is bounded in bytes: what is more is refused, and comes in when there is room",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const system = await stage.start([worker({ wait: () => gate.promise }, { mailbox: { bytes: 5_000 } })]);
    const ada = ref(system, "ada");
    await ada.tell(Worker.run, "wait");
    await stage.settle();
    const text = "x".repeat(2_000);
    for (const _ of [1, 2]) await ada.tell(Worker.note, text);
    const full = (error: Error) =>
      /^Cannot deliver to worker\/ada: its mailbox holds 4\d\d\d of 5000 bytes$/.test(error.message);
    await assert.rejects(ada.tell(Worker.note, text), full);
    await assert.rejects(ada.ask(Worker.call, text, asIngress({ bytes: 2_000 })), full);
    await ada.tell(Worker.note, "small");
    gate.resolve();
    assert.deepEqual(await notesOf(system, "ada"), [text, text, "small"]);
    await ada.tell(Worker.note, "again");
  },
);

inMemory(
  "several at once count together against a mailbox's bytes, and what was repeated is known",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const system = await stage.start([worker({ wait: () => gate.promise }, { mailbox: { bytes: 5_000 } })]);
    const ada = ref(system, "ada");
    await ada.tell(Worker.run, "wait");
    await stage.settle();
    const text = "x".repeat(2_000);
    const sent = Array.from({ length: 9 }, (_, index) => ada.tell(Worker.note, text, { id: `${index}` }));
    const told = (await Promise.allSettled(sent)).map(({ status }) => status);
    assert.equal(told.filter((status) => status === "fulfilled").length, 2);
    await ada.tell(Worker.note, text, { id: "0" }); // it is stored, although the mailbox is full
    gate.resolve();
    assert.equal((await notesOf(system, "ada") as string[]).length, 2);
  },
);

onEach(
  kinds,
  "a full mailbox in bytes evicts the oldest or the newest, as its option says",
  async (stage) => {
    for (const overflow of ["drop-oldest", "drop-newest"] as const) {
      const gate = Promise.withResolvers<void>();
      const system = await stage.start([
        worker({ wait: () => gate.promise }, { mailbox: { bytes: 5_000, overflow } }),
      ]);
      const ada = ref(system, overflow);
      await ada.tell(Worker.run, "wait");
      await stage.settle();
      for (const letter of ["a", "b", "c"]) await ada.tell(Worker.note, letter.repeat(2_000));
      await stage.settle();
      gate.resolve();
      const notes = (await notesOf(system, overflow) as string[]).map(([letter]) => letter);
      assert.deepEqual(notes, overflow === "drop-oldest" ? ["b", "c"] : ["a", "b"]);
      await stage.pass(missedMs);
      assert.equal(system.deadLetters.list().filter(({ key }) => key === overflow).length, 1);
      await stage.kill(system);
    }
  },
);

inMemory("the bytes of a message that runs take no room in its mailbox", async (stage) => {
  for (const overflow of ["reject", "drop-oldest", "drop-newest"] as const) {
    const gate = Promise.withResolvers<void>();
    const mailbox = { bytes: 5_000, overflow };
    const system = await stage.start([worker({ wait: () => gate.promise }, { mailbox })]);
    const ada = ref(system, overflow);
    await ada.tell(Worker.run, `wait ${"x".repeat(9_000)}`);
    await stage.settle();
    const texts = ["a", "b"].map((letter) => letter.repeat(2_000));
    for (const text of texts) await ada.tell(Worker.note, text);
    await stage.settle();
    gate.resolve();
    assert.deepEqual(await notesOf(system, overflow), texts);
    assert.deepEqual(deadOf(system), []);
    await stage.kill(system);
  }
});

inMemory("the bytes of messages that wait aside take room in their mailbox", async (stage) => {
  const actors = [worker({
    fail() {
      throw new Error("later");
    },
  }, { mailbox: { bytes: 5_000 }, retry: { order: "aside", attempts: 2, baseMs: 1_000 } })];
  const system = await stage.start(actors);
  const ada = ref(system, "ada");
  for (const _ of [1, 2]) await ada.tell(Worker.run, `fail ${"x".repeat(2_000)}`);
  await stage.settle();
  await assert.rejects(ada.tell(Worker.note, "x".repeat(2_000)), { code: "mailbox-full" });
  await ada.tell(Worker.note, "small");
  await stage.pass(2_000);
  await ada.tell(Worker.note, "x".repeat(2_000));
  assert.equal((await notesOf(system, "ada") as string[]).length, 2);
});

inMemory(
  "the dead letter of an evicted message tells which bound of the mailbox was reached",
  async (stage) => {
    for (const mailbox of [{ bytes: 5_000 }, { capacity: 2 }]) {
      const gate = Promise.withResolvers<void>();
      const actors = [
        worker({ wait: () => gate.promise }, { mailbox: { ...mailbox, overflow: "drop-oldest" } }),
      ];
      const system = await stage.start(actors);
      const ada = ref(system, mailbox.capacity === undefined ? "bytes" : "messages");
      await ada.tell(Worker.run, "wait");
      await stage.settle();
      for (const letter of ["a", "b", "c"]) await ada.tell(Worker.note, letter.repeat(2_000));
      await stage.settle();
      const { message } = system.deadLetters.list().at(-1)!;
      assert.match(
        message,
        mailbox.capacity === undefined
          ? /was evicted: the mailbox held 6\d\d\d of 5000 bytes$/
          : /was evicted: the mailbox held 3 of 2 messages$/,
      );
      gate.resolve();
      await stage.kill(system);
    }
  },
);

onEach(
  sharedKinds,
  "a place that is named moves one message: what comes by itself has the time of its instance",
  async (stage) => {
    const behind = await stage.start([worker()], { aheadMs: -1_000 });
    const system = await stage.start([worker()]);
    const hourMs = 3_600_000;
    const forged = Math.floor((stage.clock.now() + hourMs) * 1_000).toString(36).padStart(11, "0");
    const places: string[] = [];
    const onAccepted = (place: string) => void places.push(place);
    await ref(system, "ada").tell(Worker.note, "forged", asIngress({ after: forged, onAccepted }));
    await ref(system, "ada").tell(Worker.note, "honest", asIngress({ onAccepted }));
    await ref(behind, "ada").tell(Worker.note, "then", asIngress({ after: places[1], onAccepted }));
    const aheadMs = places.map((place) => Math.floor(parseInt(place, 36) / 1_000 - stage.clock.now()));
    assert.deepEqual(aheadMs, [hourMs, 0, 0]);
    await stage.pass(missedMs);
    assert.deepEqual((await notesOf(system, "ada") as string[]).toSorted(), ["forged", "honest", "then"]);
  },
);
