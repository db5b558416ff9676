/**
 * Loads all parts of the runtime that are otherwise loaded when they are first used. To load a part takes real time, much of it
 * on a busy machine; one that is loaded already is there in the next turn of the event loop.
 *
 * @module
 */

import "croner";
import "../runtime/durable/copy_store.ts";
import "../runtime/durable/observation/store_source.ts";
import "../runtime/durable/open_control.ts";
import "../runtime/durable/open_observation.ts";
import "../runtime/durable/open_store.ts";
import "../runtime/durable/transaction_writer.ts";
import "../runtime/remote/border.ts";
import "../runtime/remote/store_border.ts";
