import assert from "node:assert/strict";
import fc from "fast-check";
import { waitChain, type WaitingTurn } from "../../../runtime/turns/wait_chain.ts";

class Node implements WaitingTurn {
  readonly waitsFor: Node[] = [];
  waitsForOneOf: Node[] | undefined;
}

/** All nodes reachable from a node, by brute force. */
function reachable(from: Node, seen = new Set<WaitingTurn>()): Set<WaitingTurn> {
  if (!seen.has(from)) {
    seen.add(from);
    for (const next of from.waitsFor) reachable(next, seen);
  }
  return seen;
}

Deno.test("waitChain() finds a chain exactly if there is one, and each of its links is real", () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 20 }),
      fc.nat(7),
      fc.nat(7),
      (edges, a, b) => {
        const nodes = Array.from({ length: 8 }, () => new Node());
        for (const [from, to] of edges) nodes[from].waitsFor.push(nodes[to]);
        const chain = waitChain(nodes[a], nodes[b]);
        assert.equal(chain !== undefined, reachable(nodes[a]).has(nodes[b]));
        if (chain === undefined) return;
        assert.equal(chain[0], nodes[a]);
        assert.equal(chain.at(-1), nodes[b]);
        assert.equal(new Set(chain).size, chain.length);
        for (const [index, link] of chain.slice(1).entries()) assert.ok(chain[index].waitsFor.includes(link));
      },
    ),
  ));

Deno.test("waitChain() follows a chain of any length", () => {
  const nodes = Array.from({ length: 50_000 }, () => new Node());
  for (const [index, node] of nodes.entries()) if (index > 0) nodes[index - 1].waitsFor.push(node);
  assert.equal(waitChain(nodes[0], nodes.at(-1)!)?.length, nodes.length);
});

/** Whether a node goes on although another never does: it waits for nobody, or for those that go on. */
function goesOn(node: Node, never: Node, path: readonly Node[] = []): boolean {
  if (node === never || path.includes(node)) return false;
  const further = (next: Node) => goesOn(next, never, [...path, node]);
  return node.waitsFor.every(further) && (node.waitsForOneOf?.some(further) ?? true);
}

Deno.test("waitChain() finds no chain where one of several goes on, for one of which an actor waits", () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(5), fc.nat(5), fc.boolean()), { maxLength: 14 }),
      fc.nat(5),
      fc.nat(5),
      (edges, a, b) => {
        const nodes = Array.from({ length: 6 }, () => new Node());
        for (const [from, to, choice] of edges) {
          (choice ? nodes[from].waitsForOneOf ??= [] : nodes[from].waitsFor).push(nodes[to]);
        }
        const chain = waitChain(nodes[a], nodes[b]);
        if (chain === undefined) {
          return assert.ok(!reachesBoth(nodes[a], nodes[b]) || goesOn(nodes[a], nodes[b]));
        }
        assert.ok(!goesOn(nodes[a], nodes[b]));
        assert.equal(chain[0], nodes[a]);
        assert.equal(chain.at(-1), nodes[b]);
      },
    ),
  ));

/** Whether a node can be reached over waits of both kinds. */
function reachesBoth(from: Node, to: Node, seen = new Set<Node>()): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return [...from.waitsFor, ...from.waitsForOneOf ?? []].some((next) => reachesBoth(next, to, seen));
}

Deno.test("waitChain() names the way over an actor that waits for one of several", () => {
  const [asker, target, other] = [new Node(), new Node(), new Node()];
  target.waitsForOneOf = [asker, other];
  assert.equal(waitChain(target, asker), undefined);
  other.waitsFor.push(target);
  assert.deepEqual(waitChain(target, asker), [target, asker]);
});
