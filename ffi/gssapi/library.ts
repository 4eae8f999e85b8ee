/** Loading libgssapi_krb5, and the one check of its results. @module */
import { GssOid } from "./constants.ts";
import { GssError, GssUnavailable } from "./errors.ts";
import { contentOf, Frame, type Native, oid, u32Of } from "./memory.ts";
import { type GssFunctions, gssSymbols } from "./symbols.ts";

/** Where MIT's library stands on Linux. */
const defaultPath = "libgssapi_krb5.so.2";

const advice = "install it (Debian and Ubuntu: libgssapi-krb5-2, Fedora: krb5-libs), or say with " +
  "DROVER_GSSAPI_LIBRARY where it is";

/** Types of status for gss_display_status. */
const gssCode = 1;
const mechanismCode = 2;

/** Calls that may be on their way to a KDC at once: the platform has 32 threads for these and for all work with files. */
const mostAtOnce = 12;

const loaded = new Map<string, GssLibrary>();

/** The library, loaded once for each path. */
export class GssLibrary {
  readonly #functions: GssFunctions;
  readonly #waiting: (() => void)[] = [];
  /** Where calls that cannot fail write their status. */
  readonly #minor: Native = new Uint8Array(new ArrayBuffer(4));
  #running = 0;

  private constructor(functions: GssFunctions) {
    this.#functions = functions;
    // What krb5.conf says stays in memory, and is only looked at for changes, for as long as somebody has a context of libkrb5: each
    // call of GSS-API makes some and would read it anew. This one lives as long as the process. A file that is in error says so later.
    functions.krb5_init_context(new Uint8Array(8));
  }

  /**
   * Loads the library at `path`; default: where the system's loader finds MIT's.
   *
   * @throws GssUnavailable when it cannot be loaded
   */
  static load(path: string | undefined): GssLibrary {
    const file = path ?? defaultPath;
    const known = loaded.get(file);
    if (known !== undefined) return known;
    if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
      throw new GssUnavailable("the process may not load native libraries; run it with --allow-ffi");
    }
    if (path === undefined && Deno.build.os !== "linux") {
      throw new GssUnavailable(
        `no library is known for ${Deno.build.os}; DROVER_GSSAPI_LIBRARY can name one of MIT Kerberos`,
      );
    }
    let functions: GssFunctions;
    try {
      functions = Deno.dlopen(file, gssSymbols).symbols;
    } catch (cause) {
      throw new GssUnavailable(`${file} cannot be loaded; ${advice}`, { cause });
    }
    const library = new GssLibrary(functions);
    loaded.set(file, library);
    return library;
  }

  /** The functions, for calls that end at once. */
  get functions(): GssFunctions {
    return this.#functions;
  }

  /** The major status of a call, when it is no error (RFC 2744 section 3.9.1). */
  check(call: string, major: number, minor: Native): number {
    if (major >>> 16 === 0) return major;
    throw new GssError(call, major, u32Of(minor), this.#textOf(major, u32Of(minor)));
  }

  /**
   * Runs a call on another thread and checks its result. No more than 12 run at once: others wait their turn.
   *
   * @throws GssError
   */
  async async(
    name: string,
    frame: Frame,
    minor: Native,
    call: (functions: GssFunctions) => Promise<number>,
  ): Promise<number> {
    if (this.#running >= mostAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      if (!frame.wanted()) throw new GssError(name, 0, 0, "nobody waits for it any more");
      return this.check(name, await frame.whileRunning(call(this.#functions)), minor);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** The content of a buffer that the library filled, which is given back to it. */
  take(buffer: Native): Uint8Array<ArrayBuffer> {
    const content = contentOf(buffer);
    this.#functions.gss_release_buffer(this.#minor, buffer);
    return content;
  }

  /**
   * The library keeps details of an error for each thread, and calls that ran elsewhere have left theirs there: what is told here
   * is what the number means.
   */
  #textOf(major: number, minor: number): string {
    const said = minor === 0 ? "" : this.#display(minor, mechanismCode);
    return said === "" || /^unknown (code|error)/i.test(said) ? this.#display(major, gssCode) : said;
  }

  #display(status: number, type: number): string {
    const texts: string[] = [];
    const frame = new Frame();
    const more = frame.zeros(4);
    do {
      const text = frame.zeros(16);
      const major = this.#functions.gss_display_status(
        frame.zeros(4),
        status,
        type,
        oid(GssOid.krb5),
        more,
        text,
      );
      if (major >>> 16 !== 0) break;
      texts.push(new TextDecoder().decode(this.take(text)));
    } while (u32Of(more) !== 0 && texts.length < 8);
    return texts.join("; ");
  }
}
