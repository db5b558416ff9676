/**
 * Methods that do something else during one run. So a rule is taken out of the code from outside, and the code does not
 * know of it. Simulations in one thread run one after the other.
 */
export class Patches implements Disposable {
  readonly #undo: (() => void)[] = [];

  /** Replaces a method of a prototype, or a static one; `replacing` gets the method that was there. */
  method<Of extends object, Name extends keyof Of>(
    of: Of,
    name: Name,
    replacing: (original: Of[Name]) => Of[Name],
  ): void {
    this.#define(of, name, { value: replacing(of[name]), writable: true });
  }

  /** Replaces a getter of a prototype. */
  getter<Of extends object, Name extends keyof Of>(of: Of, name: Name, get: (self: Of) => Of[Name]): void {
    this.#define(of, name, {
      get(this: Of) {
        return get(this);
      },
    });
  }

  #define(of: object, name: PropertyKey, descriptor: PropertyDescriptor): void {
    const before = Object.getOwnPropertyDescriptor(of, name);
    if (before === undefined) throw new RangeError(`There is no ${String(name)} to replace`);
    Object.defineProperty(of, name, { ...descriptor, configurable: true });
    this.#undo.push(() => void Object.defineProperty(of, name, before));
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }
}
