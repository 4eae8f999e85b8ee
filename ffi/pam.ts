/**
 * PAM of Linux (libpam.so.0): whether a password is a system user's, and whether the user may come in. Every call that may read files
 * or sleep runs on another thread; a wrong password takes about 2 s there.
 * @module
 */

/** Return values (security/_pam_types.h). */
const success = 0;
const conversationError = 19;
/** PAM_USER_UNKNOWN, PAM_AUTH_ERR, PAM_ACCT_EXPIRED … are all the same to a client; their texts are for the operator. */
const promptEchoOff = 1;
const errorMessage = 3;
const textInfo = 4;
/** PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK */
const flags = 0x8000 | 0x0001;
const remoteHost = 4;
/** PAM_MAX_NUM_MSG */
const mostMessages = 32;
/** PAM_MAX_RESP_SIZE, with the zero at the end. */
const longestAnswer = 512;

const pamSymbols = {
  // int pam_start(const char *service, const char *user, const struct pam_conv *conv, pam_handle_t **pamh)
  pam_start: { parameters: ["buffer", "buffer", "buffer", "buffer"], result: "i32", nonblocking: true },
  // int pam_start_confdir(…, const char *confdir, pam_handle_t **pamh), since 1.4
  pam_start_confdir: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
    optional: true,
  },
  // int pam_set_item(pam_handle_t *pamh, int item_type, const void *item)
  pam_set_item: { parameters: ["pointer", "i32", "buffer"], result: "i32" },
  // int pam_authenticate(pam_handle_t *pamh, int flags)
  pam_authenticate: { parameters: ["pointer", "i32"], result: "i32", nonblocking: true },
  // int pam_acct_mgmt(pam_handle_t *pamh, int flags)
  pam_acct_mgmt: { parameters: ["pointer", "i32"], result: "i32", nonblocking: true },
  // int pam_end(pam_handle_t *pamh, int pam_status)
  pam_end: { parameters: ["pointer", "i32"], result: "i32", nonblocking: true },
  // const char *pam_strerror(pam_handle_t *pamh, int errnum)
  pam_strerror: { parameters: ["pointer", "i32"], result: "pointer" },
} as const;

const libcSymbols = {
  // void *calloc(size_t nmemb, size_t size)
  calloc: { parameters: ["usize", "usize"], result: "pointer" },
  // char *strdup(const char *s)
  strdup: { parameters: ["buffer"], result: "pointer" },
  // void free(void *ptr)
  free: { parameters: ["pointer"], result: "void" },
} as const;

/** PAM is not here, or may not be loaded. */
export class PamUnavailable extends Error {}

/** What PAM says of a password. */
export type PamOutcome =
  | { readonly kind: "right" }
  /** In PAM's words. */
  | { readonly kind: "wrong"; readonly reason: string };

/** Who wants to come in. */
export interface PamQuestion {
  /** Name of the file in /etc/pam.d. */
  readonly service: string;
  readonly user: string;
  readonly password: string;
  /** Address of the client, for modules that look at it (PAM_RHOST). */
  readonly from: string;
}

/** The library. Loaded once and never unloaded: its modules are not made for that. */
export class Pam {
  static #loaded: Pam | undefined;
  readonly #pam: Deno.DynamicLibrary<typeof pamSymbols>["symbols"];
  readonly #libc: Deno.DynamicLibrary<typeof libcSymbols>["symbols"];

  private constructor() {
    this.#libc = Deno.dlopen("libc.so.6", libcSymbols).symbols;
    this.#pam = Deno.dlopen("libpam.so.0", pamSymbols).symbols;
  }

  /**
   * Loads it.
   *
   * @throws PamUnavailable
   */
  static load(): Pam {
    if (Pam.#loaded !== undefined) return Pam.#loaded;
    if (Deno.build.os !== "linux") throw new PamUnavailable("PAM is asked on Linux only");
    if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
      throw new PamUnavailable("the process may not load native libraries; run it with --allow-ffi");
    }
    try {
      return Pam.#loaded = new Pam();
    } catch (cause) {
      throw new PamUnavailable("libpam.so.0 cannot be loaded; install it (Debian: libpam0g)", { cause });
    }
  }

  /**
   * Asks whether the password is right and the account may be used. `configuration`: a folder of services instead of /etc/pam.d.
   *
   * @throws PamUnavailable when PAM cannot be asked at all
   */
  async check(question: PamQuestion, configuration?: string): Promise<PamOutcome> {
    const password = cString(question.password);
    // A zero would cut it off: another password would be checked than was sent.
    if (password.indexOf(0) !== password.length - 1 || question.user.includes("\0")) {
      return { kind: "wrong", reason: "the name or the password has a zero in it" };
    }
    if (password.length > longestAnswer) return { kind: "wrong", reason: "the password is too long for PAM" };
    const conversation = Deno.UnsafeCallback.threadSafe(
      { parameters: ["i32", "pointer", "pointer", "pointer"], result: "i32" } as const,
      (count, messages, responses) => this.#answer(count, messages, responses, password),
    );
    try {
      return await this.#ask(question, conversation.pointer, configuration);
    } finally {
      conversation.close();
      password.fill(0);
    }
  }

  async #ask(
    question: PamQuestion,
    conversation: Deno.PointerValue,
    configuration: string | undefined,
  ): Promise<PamOutcome> {
    const handle = new BigUint64Array(1);
    // struct pam_conv { int (*conv)(…); void *appdata_ptr; }
    const conv = new BigUint64Array([BigInt(Deno.UnsafePointer.value(conversation)), 0n]);
    const [service, user] = [cString(question.service), cString(question.user)];
    const start = this.#pam.pam_start_confdir;
    if (configuration !== undefined && start === null) {
      throw new PamUnavailable("pam_start_confdir is missing");
    }
    const started = configuration === undefined
      ? await this.#pam.pam_start(service, user, conv, handle)
      : await start!(service, user, conv, cString(configuration), handle);
    const pam = Deno.UnsafePointer.create(handle[0]!);
    if (started !== success || pam === null) {
      throw new PamUnavailable(`pam_start: ${this.#text(pam, started)}`);
    }
    let status = success;
    try {
      status = this.#pam.pam_set_item(pam, remoteHost, cString(question.from));
      if (status === success) status = await this.#pam.pam_authenticate(pam, flags);
      if (status === success) status = await this.#pam.pam_acct_mgmt(pam, flags);
      return status === success ? { kind: "right" } : { kind: "wrong", reason: this.#text(pam, status) };
    } finally {
      await this.#pam.pam_end(pam, status);
    }
  }

  /**
   * The conversation: gives the password to prompts that hide what is typed, and takes messages. A prompt that shows what is typed is
   * for something that we have not got. Runs on this thread, while the module waits on its own.
   */
  #answer(
    count: number,
    messages: Deno.PointerValue,
    responses: Deno.PointerValue,
    password: Uint8Array<ArrayBuffer>,
  ): number {
    if (count < 1 || count > mostMessages || messages === null || responses === null) {
      return conversationError;
    }
    // struct pam_response { char *resp; int resp_retcode; }: PAM frees the array and each text.
    const array = this.#libc.calloc(BigInt(count), 16n);
    if (array === null) return conversationError;
    const answers = new BigUint64Array(new Deno.UnsafePointerView(array).getArrayBuffer(16 * count));
    for (let i = 0; i < count; i++) {
      // const struct pam_message **: on Linux an array of pointers. struct pam_message { int msg_style; const char *msg; }
      const message = new Deno.UnsafePointerView(messages).getPointer(8 * i);
      const style = message === null ? 0 : new Deno.UnsafePointerView(message).getInt32();
      if (style === promptEchoOff) {
        answers[2 * i] = BigInt(Deno.UnsafePointer.value(this.#libc.strdup(password)));
      } else if (style !== errorMessage && style !== textInfo) {
        for (let j = 0; j < i; j++) this.#libc.free(Deno.UnsafePointer.create(answers[2 * j]!));
        this.#libc.free(array);
        return conversationError;
      }
    }
    new BigUint64Array(new Deno.UnsafePointerView(responses).getArrayBuffer(8))[0] = BigInt(
      Deno.UnsafePointer.value(array),
    );
    return success;
  }

  #text(pam: Deno.PointerValue, status: number): string {
    const text = this.#pam.pam_strerror(pam, status);
    return text === null ? `error ${status}` : new Deno.UnsafePointerView(text).getCString();
  }
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
