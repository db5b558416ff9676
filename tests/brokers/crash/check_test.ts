import assert from "node:assert/strict";
import fc from "fast-check";
import { check } from "./check.ts";
import { History, type Promised, type Report } from "./history.ts";
import { appended, numbersOf, type Runs } from "./runs.ts";

/** A history in which these were sent and accepted, and came in this order. */
function historyOf(
  sent: readonly number[],
  came: readonly number[],
  promised: Promised = "in order",
): History {
  const history = new History();
  for (const number of sent) {
    history.add({ is: "sending", stream: "a>b", number, promised });
    history.add({ is: "accepted", stream: "a>b", number });
  }
  history.add({ is: "received", stream: "a>b", runs: runsOf(came) });
  return history;
}

function runsOf(numbers: readonly number[]): Runs {
  return numbers.reduce<Runs>(appended, []);
}

function faultsIn(history: History) {
  const { lost, doubled, reordered, untrue, misanswered, unanswered } = check(history);
  return { lost, doubled, reordered, untrue, misanswered, unanswered };
}

const none = { lost: [], doubled: [], reordered: [], untrue: [], misanswered: [], unanswered: [] };

Deno.test("what came once and in order is in order", () => {
  assert.deepEqual(faultsIn(historyOf([1, 2, 3], [1, 2, 3])), none);
});

Deno.test("what was accepted and did not come is lost", () => {
  assert.deepEqual(faultsIn(historyOf([1, 2, 3], [1, 3])), { ...none, lost: ["a>b 2"] });
});

Deno.test("what came twice is doubled", () => {
  assert.deepEqual(faultsIn(historyOf([1, 2], [1, 2, 1])), { ...none, doubled: ["a>b 1"] });
});

Deno.test("what came after a later one is reordered, if order was promised", () => {
  const reordered = ["a>b 1 after 2"];
  assert.deepEqual(faultsIn(historyOf([1, 2, 3], [2, 1, 3])), { ...none, reordered });
  assert.deepEqual(faultsIn(historyOf([1, 2, 3], [2, 1, 3], "once")), none);
});

Deno.test("what nobody knows of may have come or not, but not twice", () => {
  const unknown: Report = { is: "sending", stream: "a>b", number: 2, promised: "in order" };
  for (const came of [[1, 3], [1, 2, 3]]) {
    const history = historyOf([1, 3], came);
    history.add(unknown);
    assert.deepEqual(faultsIn(history), none);
  }
  const history = historyOf([1, 3], [1, 2, 3, 2]);
  history.add(unknown);
  assert.deepEqual(faultsIn(history), { ...none, doubled: ["a>b 2"] });
});

Deno.test("what was refused or never sent must not come", () => {
  const history = historyOf([1], [1, 2, 3]);
  history.add({ is: "sending", stream: "a>b", number: 2, promised: "in order" });
  history.add({ is: "refused", stream: "a>b", number: 2, code: "outbox-full" });
  assert.deepEqual(faultsIn(history), { ...none, untrue: ["a>b 2: refused", "a>b 3: never sent"] });
  const stranger = new History();
  stranger.add({ is: "received", stream: "x>b", runs: [[1, 1]] });
  assert.deepEqual(faultsIn(stranger), { ...none, untrue: ["x>b 1: never sent"] });
});

Deno.test("an ask may get lost, but not after its answer, and has one effect", () => {
  const history = historyOf([1, 2, 3, 4], [3, 1, 3], "at most once");
  history.add({ is: "answered", stream: "a>b", number: 1, answer: 1 });
  history.add({ is: "answered", stream: "a>b", number: 2, answer: 2 });
  assert.deepEqual(faultsIn(history), { ...none, lost: ["a>b 2"], doubled: ["a>b 3"] });
});

Deno.test("an answer is the one to its own question, and comes once", () => {
  const history = historyOf([1, 2], [1, 2], "at most once");
  for (const answer of [1, 1]) history.add({ is: "answered", stream: "a>b", number: 1, answer });
  history.add({ is: "answered", stream: "a>b", number: 2, answer: 7 });
  assert.deepEqual(faultsIn(history), { ...none, misanswered: ["a>b 1: 1 and 1", "a>b 2: 7"] });
});

Deno.test("a reply that does not come is told", () => {
  const history = historyOf([1], [1]);
  history.add({ is: "unanswered", stream: "a>b", number: 1, code: "deadline" });
  assert.deepEqual(faultsIn(history), { ...none, unanswered: ["a>b 1: deadline"] });
});

Deno.test("what an actor has sent in its turns counts as accepted", () => {
  const history = new History();
  history.add({ is: "committed", stream: "b>c", count: 3, promised: "in order" });
  history.add({ is: "received", stream: "b>c", runs: [[1, 2]] });
  assert.deepEqual(faultsIn(history), { ...none, lost: ["b>c 3"] });
});

Deno.test("runs tell each number in the order in which it came", () => {
  fc.assert(fc.property(fc.array(fc.nat(20)), (numbers) => {
    assert.deepEqual([...numbersOf(runsOf(numbers))], numbers);
  }));
  assert.equal(runsOf(Array.from({ length: 1_000 }, (_, index) => index + 1)).length, 1);
});

Deno.test("whatever is done to a stream is found, and nothing else", () => {
  const sent = Array.from({ length: 20 }, (_, index) => index + 1);
  const spoiled = fc.record({
    lost: fc.uniqueArray(fc.constantFrom(...sent), { maxLength: 5 }),
    doubled: fc.uniqueArray(fc.constantFrom(...sent), { maxLength: 5 }),
  });
  fc.assert(fc.property(spoiled, ({ lost, doubled }) => {
    const came = sent.filter((number) => !lost.includes(number));
    const twice = came.filter((number) => doubled.includes(number));
    const named = (numbers: readonly number[]) => numbers.map((number) => `a>b ${number}`);
    const { reordered, ...faults } = faultsIn(historyOf(sent, [...came, ...twice]));
    assert.deepEqual(reordered, []);
    assert.deepEqual(faults.lost, named(sent.filter((number) => lost.includes(number))));
    assert.deepEqual(faults.doubled, named(twice));
  }));
});
