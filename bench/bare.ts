/**
 * The bare core: an actor's mailbox and nothing else. No bound, no supervision, no deadline, no dead letter,
 * no type, no name, no yield to the event loop. It is the lower bound with which the runtime is compared.
 */

/** A message handler. */
export type Receive = (message: unknown, cell: Cell) => void;

/** One actor: its handler, and a queue whose first slot needs no allocation. */
export class Cell {
  readonly #core: Core;
  readonly #receive: Receive;
  #first: unknown = undefined;
  #ring: unknown[] | undefined;
  #head = 0;
  #length = 0;
  next: Cell | undefined;
  #ready = false;

  constructor(core: Core, receive: Receive) {
    this.#core = core;
    this.#receive = receive;
  }

  tell(message: unknown): void {
    if (this.#length === 0 && this.#first === undefined) this.#first = message;
    else this.#push(message);
    if (this.#ready) return;
    this.#ready = true;
    this.#core.add(this);
  }

  ask(payload: unknown): Promise<unknown> {
    return new Promise((resolve) => this.tell({ payload, resolve }));
  }

  /** Handles the messages that are waiting now. Returns whether new ones have arrived. */
  run(): boolean {
    let left = this.#length;
    const first = this.#first;
    if (first !== undefined) {
      this.#first = undefined;
      this.#receive(first, this);
    }
    for (; left > 0; left--) {
      const ring = this.#ring!;
      const message = ring[this.#head];
      ring[this.#head] = undefined;
      this.#head = (this.#head + 1) & (ring.length - 1);
      this.#length--;
      this.#receive(message, this);
    }
    return this.#ready = this.#length > 0 || this.#first !== undefined;
  }

  #push(message: unknown): void {
    let ring = this.#ring ??= new Array(8).fill(undefined);
    if (this.#length === ring.length) {
      ring = new Array(ring.length * 2).fill(undefined);
      for (let index = 0; index < this.#length; index++) {
        ring[index] = this.#ring[(this.#head + index) & (this.#length - 1)];
      }
      this.#head = 0;
      this.#ring = ring;
    }
    ring[(this.#head + this.#length++) & (ring.length - 1)] = message;
  }
}

/** Runs the cells with messages, in the order in which they became ready, until none has any. */
export class Core {
  #first: Cell | undefined;
  #last: Cell | undefined;
  #awake = false;
  readonly #run = () => {
    for (let cell = this.#first; cell !== undefined; cell = this.#first) {
      this.#first = cell.next;
      if (this.#first === undefined) this.#last = undefined;
      cell.next = undefined;
      if (cell.run()) this.add(cell);
    }
    this.#awake = false;
  };

  add(cell: Cell): void {
    if (this.#last === undefined) this.#first = cell;
    else this.#last.next = cell;
    this.#last = cell;
    if (this.#awake) return;
    this.#awake = true;
    queueMicrotask(this.#run);
  }
}
