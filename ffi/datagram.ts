/** Datagrams to a Unix socket, and the clock that systemd counts by: the platform has neither. Linux only. @module */

/** Socket and message flags of Linux' socket(2) and send(2). */
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
const CLOCK_MONOTONIC = 1;

/** Longest path of a Unix socket, with its NUL. */
const maxPath = 108;

const symbols = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

/** Sends datagrams to one Unix socket. */
export interface DatagramSender extends Disposable {
  /** Sends one without waiting; `false`: it could not be sent. */
  send(text: string): boolean;
  /** CLOCK_MONOTONIC in microseconds. */
  monotonicMicroseconds(): bigint;
}

/** A sender to the socket at `path`, which begins with `@` for one without a file; `undefined` where there can be none. */
export function datagramSender(path: string): DatagramSender | undefined {
  const address = addressOf(path);
  if (Deno.build.os !== "linux" || address === undefined) return undefined;
  // Whoever may not load libraries is not asked on a terminal.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  let library: Deno.DynamicLibrary<typeof symbols>;
  try {
    library = Deno.dlopen("libc.so.6", symbols);
  } catch {
    return undefined;
  }
  const { socket, sendto, close, clock_gettime } = library.symbols;
  const descriptor = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (descriptor < 0) {
    library.close();
    return undefined;
  }
  return {
    send(text) {
      const bytes = new TextEncoder().encode(text);
      const sent = sendto(
        descriptor,
        bytes,
        BigInt(bytes.length),
        MSG_DONTWAIT_NOSIGNAL,
        address,
        address.length,
      );
      return Number(sent) === bytes.length;
    },
    monotonicMicroseconds() {
      const time = new BigInt64Array(2);
      clock_gettime(CLOCK_MONOTONIC, new Uint8Array(time.buffer));
      return time[0]! * 1_000_000n + time[1]! / 1_000n;
    },
    [Symbol.dispose]() {
      close(descriptor);
      library.close();
    },
  };
}

/** `struct sockaddr_un` (unix(7)): the family in the machine's order, then the path. */
function addressOf(path: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new TextEncoder().encode(path);
  const abstract = path.startsWith("@");
  if (bytes.length < 2 || bytes.length >= maxPath || !(abstract || path.startsWith("/"))) return undefined;
  // Abstract names are as long as the address says, others end with NUL.
  const address = new Uint8Array(2 + bytes.length + (abstract ? 0 : 1));
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(bytes, 2);
  if (abstract) address[2] = 0;
  return address;
}
