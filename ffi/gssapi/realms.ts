/** What krb5.conf says of realms. @module */
import type { GssFunctions } from "./symbols.ts";
import type { GssLibrary } from "./library.ts";
import { addressOf, Frame, type Native, pointerIn } from "./memory.ts";

/** See the module. */
export interface Realms {
  /** `default_realm`; `undefined`: none. */
  readonly standard: string | undefined;
  /** Those of `[realms]`. */
  readonly names: readonly string[];
  /** `[domain_realm]`: domains in lower case, with or without a dot before them, and their realms. */
  readonly domains: ReadonlyMap<string, string>;
}

/** Reads it, in place: the library has it in memory. Without a file that can be read there is nothing in it. */
export function readRealms({ functions }: GssLibrary): Realms {
  const frame = new Frame();
  const [contextSlot, profileSlot] = [frame.zeros(8), frame.zeros(8)];
  if (functions.krb5_init_context(contextSlot) !== 0) {
    return { standard: undefined, names: [], domains: new Map() };
  }
  const context = pointerIn(contextSlot);
  try {
    if (functions.krb5_get_profile(context, profileSlot) !== 0) {
      return { standard: undefined, names: [], domains: new Map() };
    }
    const profile = new Profile(functions, pointerIn(profileSlot));
    try {
      const domains = profile.list("profile_get_relation_names", "domain_realm").flatMap((domain) => {
        const realm = profile.list("profile_get_values", "domain_realm", domain)[0];
        return realm === undefined ? [] : [[domain.toLowerCase(), realm] as const];
      });
      return {
        standard: profile.list("profile_get_values", "libdefaults", "default_realm")[0],
        names: profile.list("profile_get_subsection_names", "realms"),
        domains: new Map(domains),
      };
    } finally {
      profile.release();
    }
  } finally {
    functions.krb5_free_context(context);
    frame.end();
  }
}

/** One reading of the configuration. */
class Profile {
  readonly #functions: GssFunctions;
  readonly #profile: Deno.PointerValue;

  constructor(functions: GssFunctions, profile: Deno.PointerValue) {
    this.#functions = functions;
    this.#profile = profile;
  }

  /** The texts that stand below `path`; none where there is nothing. */
  list(
    call: "profile_get_values" | "profile_get_relation_names" | "profile_get_subsection_names",
    ...path: readonly string[]
  ): string[] {
    const frame = new Frame();
    const found = frame.zeros(8);
    const code = this.#functions[call](this.#profile, textList(frame, path), found);
    frame.end();
    const list = pointerIn(found);
    if (code !== 0n || list === null) return [];
    const texts: string[] = [];
    const view = new Deno.UnsafePointerView(list);
    for (let at = 0;; at += 8) {
      const text = Deno.UnsafePointer.create(view.getBigUint64(at));
      if (text === null) break;
      texts.push(new Deno.UnsafePointerView(text).getCString());
    }
    this.#functions.profile_free_list(list);
    return texts;
  }

  release(): void {
    this.#functions.profile_release(this.#profile);
  }
}

/** char *[] with NULL behind the last one. */
function textList(frame: Frame, texts: readonly string[]): Native {
  const list = frame.zeros(8 * (texts.length + 1));
  const view = new DataView(list.buffer, list.byteOffset, list.length);
  texts.forEach((text, at) => view.setBigUint64(8 * at, addressOf(frame.hold(frame.text(text))), true));
  return list;
}
