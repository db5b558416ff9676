import { callGuarded } from "./call_guarded.ts";

type SignalListener = EventListenerOrEventListenerObject;

/**
 * An `AbortController` whose signal users may listen to. If a listener throws, `failed` is called with the error: a
 * platform would report it as uncaught, which ends the process.
 */
export function guardedController(failed: (error: unknown) => void): AbortController {
  const controller = new AbortController();
  const { signal } = controller;
  const guards = new WeakMap<SignalListener, EventListener>();
  const guardOf = (listener: SignalListener | null): EventListener | null => {
    if (listener === null) return null;
    const known = guards.get(listener);
    if (known !== undefined) return known;
    const guard = (event: Event) =>
      callGuarded(
        () => typeof listener === "function" ? listener.call(signal, event) : listener.handleEvent(event),
        failed,
      );
    guards.set(listener, guard);
    return guard;
  };
  const add = signal.addEventListener.bind(signal) as EventTarget["addEventListener"];
  const remove = signal.removeEventListener.bind(signal) as EventTarget["removeEventListener"];
  let onabort: EventListener | null = null;
  let onabortGuard: EventListener | null = null;
  Object.defineProperties(signal, {
    addEventListener: {
      value: (type: string, listener: SignalListener | null, options?: AddEventListenerOptions | boolean) =>
        add(type, guardOf(listener), options),
    },
    removeEventListener: {
      value: (type: string, listener: SignalListener | null, options?: EventListenerOptions | boolean) =>
        remove(type, guardOf(listener), options),
    },
    onabort: {
      get: () => onabort,
      set(listener: EventListener | null) {
        remove("abort", onabortGuard);
        onabort = typeof listener === "function" ? listener : null;
        onabortGuard = onabort && ((event) => callGuarded(() => listener!.call(signal, event), failed));
        add("abort", onabortGuard);
      },
    },
  });
  return controller;
}
