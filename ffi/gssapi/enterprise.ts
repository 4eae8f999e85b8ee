/** Names of which the KDC says whose they are. @module */
import type { GssLibrary } from "./library.ts";
import { Frame, type Native, pointerIn } from "./memory.ts";

/** KRB5_PRINCIPAL_PARSE_ENTERPRISE. */
const parseEnterprise = 4;
/** Bytes of a krb5_creds and more. */
const credsSize = 256;
/** Where a krb5_creds has the client's principal. */
const clientAt = 8;
/** GSS_S_FAILURE: the reason is in the minor status. */
const failure = 13 << 16;

/**
 * The principal `name@REALM` that an enterprise name (`name@suffix@REALM`, RFC 6806 section 5) stands for. Only with leave to put
 * another name in place of it does the KDC say so, and GSS-API gives none: its tickets would bear a name that no service knows. The
 * KDC is asked as for a logon, with the password.
 *
 * @throws GssError
 */
export async function enterprisePrincipal(
  library: GssLibrary,
  name: string,
  password: Uint8Array,
): Promise<string> {
  const { functions } = library;
  const frame = new Frame();
  const minor = frame.zeros(4);
  const noted = (code: number) => {
    new DataView(minor.buffer, minor.byteOffset).setInt32(0, code, true);
    return code === 0 ? 0 : failure;
  };
  const check = (call: string, code: number) => library.check(call, noted(code), minor);
  const slot = () => frame.zeros(8);
  const [contextSlot, nameSlot, optionsSlot, textSlot] = [slot(), slot(), slot(), slot()];
  const secret: Native = frame.hold(new Uint8Array(password.length + 1));
  secret.set(password);
  check("krb5_init_context", functions.krb5_init_context(contextSlot));
  const context = pointerIn(contextSlot);
  const creds = frame.zeros(credsSize);
  try {
    const text = frame.text(name);
    check("krb5_parse_name", functions.krb5_parse_name_flags(context, text, parseEnterprise, nameSlot));
    check("krb5_get_init_creds_opt_alloc", functions.krb5_get_init_creds_opt_alloc(context, optionsSlot));
    const [asked, options] = [pointerIn(nameSlot), pointerIn(optionsSlot)];
    functions.krb5_get_init_creds_opt_set_canonicalize(options, 1);
    await library.async(
      "krb5_get_init_creds_password",
      frame,
      minor,
      async ({ getInitCredsAsync }) =>
        noted(await getInitCredsAsync(context, creds, asked, secret, null, null, 0, null, options)),
    );
    const client = pointerIn(creds.subarray(clientAt));
    check("krb5_unparse_name", functions.krb5_unparse_name(context, client, textSlot));
    return new Deno.UnsafePointerView(pointerIn(textSlot)!).getCString();
  } finally {
    secret.fill(0);
    const [asked, options, said] = [nameSlot, optionsSlot, textSlot].map(pointerIn);
    if (said) functions.krb5_free_unparsed_name(context, said);
    functions.krb5_free_cred_contents(context, creds);
    if (options) functions.krb5_get_init_creds_opt_free(context, options);
    if (asked) functions.krb5_free_principal(context, asked);
    functions.krb5_free_context(context);
    frame.end();
  }
}
