import { servicesMax } from "../runtime/language/context.ts";

/** What is known of a service that takes part. */
interface AskedService {
  /** How many respondents it asked; absent until it has told that. */
  asked: number | undefined;
  /** How many of them have replied, abstained or failed. */
  through: number;
  over: boolean;
}

/**
 * The other services that take part in a survey. Each tells once how many respondents it asked, and is through when as many
 * of its respondents have replied, abstained or failed. A service that does not tell it, as one that is not written with
 * Posthorn, is never through.
 */
export class AskedServices {
  readonly #services = new Map<string, AskedService>();
  readonly #onThrough: (services: number) => void;
  #through = 0;

  /** `onThrough` is called with their number whenever one more service is through. */
  constructor(onThrough: (services: number) => void) {
    this.#onThrough = onThrough;
  }

  /** A service has asked so many respondents. It may tell that more than once, if it was asked more than once. */
  asked(sender: string, count: number): void {
    const service = this.#of(sender);
    if (service === undefined) return;
    service.asked = (service.asked ?? 0) + count;
    this.#look(service);
  }

  /** A respondent of a service has replied, abstained or failed. */
  settled(sender: string): void {
    const service = this.#of(sender);
    if (service === undefined) return;
    service.through++;
    this.#look(service);
  }

  #look(service: AskedService): void {
    const { asked, through, over } = service;
    if (over || asked === undefined || through < asked) return;
    service.over = true;
    this.#onThrough(++this.#through);
  }

  /** The service of a sender, whose name on the wire begins with that of its service. */
  #of(sender: string): AskedService | undefined {
    const [name] = sender.split("/", 1);
    const known = this.#services.get(name);
    if (known !== undefined || this.#services.size >= servicesMax) return known;
    const service: AskedService = { asked: undefined, through: 0, over: false };
    this.#services.set(name, service);
    return service;
  }
}
