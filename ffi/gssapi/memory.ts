/**
 * Structures for calls of GSS-API, on 64-bit systems with little-endian byte order.
 *
 * The platform keeps alive what is handed to a call itself, but not what a structure only points to: a {@link Frame} holds
 * everything that belongs to one call, until the call has returned.
 * @module
 */

/** Bytes that native code may write to at any time: never in the heap that the collector moves. */
export type Native = Uint8Array<ArrayBuffer>;

/** Bytes of a frame that need no memory of their own. */
const slabSize = 512;

/** Frames of calls that run on other threads. */
const running = new Set<Frame>();

/** Whether a call runs on another thread; nobody can end it, and the process does not end by itself before it. */
export function callsUnderWay(): boolean {
  return running.size > 0;
}

/** The address of `bytes`; 0 for none. */
export function addressOf(bytes: Native): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}

const oids = new Map<Uint8Array, Native>();
/** What they point to. */
const oidElements: Native[] = [];

/** gss_OID_desc { OM_uint32 length; void *elements; }; `content` is one of few, and stays in memory. */
export function oid(content: Uint8Array): Native {
  let desc = oids.get(content);
  if (desc === undefined) {
    const elements = new Uint8Array(content);
    desc = new Uint8Array(new ArrayBuffer(16));
    pointTo(desc, 0, content.length, 8, elements);
    oids.set(content, desc);
    oidElements.push(elements);
  }
  return desc;
}

/** The memory of one call. */
export class Frame {
  /** Whether somebody still waits for the call; asked when its turn has come. */
  wanted: () => boolean = () => true;
  readonly #held: unknown[] = [];
  /** Small structures share one piece of memory: each piece of its own would cost more than the call. */
  readonly #slab = new ArrayBuffer(slabSize);
  #used = 0;

  /** `length` zero bytes. */
  zeros(length: number): Native {
    const begin = this.#used;
    if (begin + length <= slabSize) {
      this.#used = begin + (length + 7 & ~7);
      return new Uint8Array(this.#slab, begin, length);
    }
    const bytes = new Uint8Array(new ArrayBuffer(length));
    this.#held.push(bytes);
    return bytes;
  }

  /** A copy of `bytes`. */
  copy(bytes: Uint8Array): Native {
    const copy = this.zeros(bytes.length);
    copy.set(bytes);
    return copy;
  }

  /** Keeps `value` for as long as the call takes. */
  hold<T>(value: T): T {
    this.#held.push(value);
    return value;
  }

  /** gss_buffer_desc { size_t length; void *value; } of `bytes`, which are held and not copied; of nothing: an empty one, to be filled. */
  buffer(bytes?: Native): Native {
    const desc = this.zeros(16);
    if (bytes !== undefined && bytes.length > 0) pointTo(desc, 0, bytes.length, 8, this.hold(bytes));
    return desc;
  }

  /** gss_OID_set_desc { size_t count; gss_OID elements; } with one member. */
  oidSet(content: Uint8Array): Native {
    const set = this.zeros(16);
    pointTo(set, 0, 1, 8, oid(content));
    return set;
  }

  /** struct gss_channel_bindings_struct without addresses (RFC 2744 section 3.11). */
  bindings(applicationData: Uint8Array): Native {
    const bindings = this.zeros(64);
    pointTo(bindings, 48, applicationData.length, 56, this.copy(applicationData));
    return bindings;
  }

  /** gss_key_value_set_desc { OM_uint32 count; struct { char *key; char *value; } *elements; }. */
  keyValues(values: Readonly<Record<string, string>>): Native {
    const entries = Object.entries(values);
    const elements = this.zeros(16 * entries.length);
    const view = viewOf(elements);
    entries.forEach(([key, value], i) => {
      view.setBigUint64(16 * i, addressOf(this.text(key)), true);
      view.setBigUint64(16 * i + 8, addressOf(this.text(value)), true);
    });
    const set = this.zeros(16);
    pointTo(set, 0, entries.length, 8, elements);
    return set;
  }

  /** A C string. */
  text(text: string): Native {
    return this.copy(new TextEncoder().encode(`${text}\0`));
  }

  /** Lets go of what is held, after a call in place: a frame that is not used behind the call may be gone before it. */
  end(): void {
    this.#held.length = 0;
  }

  /** Runs a call on another thread and holds everything until it has returned. */
  async whileRunning(call: Promise<number>): Promise<number> {
    running.add(this);
    try {
      return await call;
    } finally {
      running.delete(this);
    }
  }
}

function pointTo(struct: Native, lengthAt: number, length: number, pointerAt: number, target: Native): void {
  const view = viewOf(struct);
  view.setBigUint64(lengthAt, BigInt(length), true);
  view.setBigUint64(pointerAt, addressOf(target), true);
}

/** A copy of what a gss_buffer_desc points to. */
export function contentOf(buffer: Native): Uint8Array<ArrayBuffer> {
  const view = viewOf(buffer);
  const length = Number(view.getBigUint64(0, true));
  const pointer = Deno.UnsafePointer.create(view.getBigUint64(8, true));
  if (length === 0 || pointer === null) return new Uint8Array(0);
  const copy = new Uint8Array(new ArrayBuffer(length));
  Deno.UnsafePointerView.copyInto(pointer, copy);
  return copy;
}

/** A 32-bit number that a call wrote. */
export function u32Of(bytes: Native): number {
  return viewOf(bytes).getUint32(0, true);
}

/** The pointer that a call wrote. */
export function pointerIn(slot: Native): Deno.PointerValue {
  return Deno.UnsafePointer.create(viewOf(slot).getBigUint64(0, true));
}

function viewOf(bytes: Native): DataView<ArrayBuffer> {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
