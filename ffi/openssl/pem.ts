/** Certificates and keys from PEM and PKCS#12. @module */
import { OpensslError } from "./errors.ts";
import type { OpensslLibrary } from "./library.ts";

type Pointer = NonNullable<Deno.PointerValue>;

/** openssl/pemerr.h: nothing more is in the text. */
const noStartLine = 108;

/**
 * Runs `use` for each certificate of `pem`, in its order; the certificate is freed behind it. Returns how many there were.
 *
 * @throws OpensslError
 */
export function eachCertificate(
  library: OpensslLibrary,
  pem: string,
  use: (x509: Pointer, index: number) => void,
): number {
  const f = library.functions;
  return reading(library, pem, (bio) => {
    for (let count = 0;; count++) {
      const x509 = f.PEM_read_bio_X509(bio, null, null, noPassphrase);
      if (x509 === null) {
        const error = library.error("PEM_read_bio_X509");
        if (error.reason === noStartLine && count > 0) return count;
        throw error;
      }
      try {
        use(x509, count);
      } finally {
        f.X509_free(x509);
      }
    }
  });
}

/**
 * Runs `use` with the private key of `pem`, which is freed behind it.
 *
 * @throws OpensslError also when the passphrase is not the key's
 */
export function withPrivateKey(
  library: OpensslLibrary,
  pem: string,
  passphrase: string | undefined,
  use: (key: Pointer) => void,
): void {
  const f = library.functions;
  const phrase = passphrase === undefined ? noPassphrase : cString(passphrase);
  try {
    reading(library, pem, (bio) => {
      const key = library.pointer(
        "PEM_read_bio_PrivateKey",
        f.PEM_read_bio_PrivateKey(bio, null, null, phrase),
      );
      try {
        use(key);
      } finally {
        f.EVP_PKEY_free(key);
      }
    });
  } finally {
    phrase.fill(0);
  }
}

/**
 * Runs `use` with what a PKCS#12 file has: its key, the key's certificate, then other certificates; all are freed behind it.
 *
 * @throws OpensslError also when the passphrase is not the file's
 */
export function withPkcs12(
  library: OpensslLibrary,
  file: Uint8Array,
  passphrase: string,
  use: (key: Pointer, certificates: readonly Pointer[]) => void,
): void {
  const f = library.functions;
  const phrase = cString(passphrase);
  const bytes = file.slice();
  const bio = library.pointer("BIO_new_mem_buf", f.BIO_new_mem_buf(bytes, bytes.length));
  let pkcs12: Deno.PointerValue = null;
  const places = new BigUint64Array(3);
  const place = (index: number) => new Uint8Array(places.buffer, index * 8, 8);
  const found = (index: number) => Deno.UnsafePointer.create(places[index] ?? 0n);
  const certificates: Pointer[] = [];
  try {
    pkcs12 = library.pointer("d2i_PKCS12_bio", f.d2i_PKCS12_bio(bio, null));
    library.check("PKCS12_parse", f.PKCS12_parse(pkcs12, phrase, place(0), place(1), place(2)));
    const own = found(1);
    if (own !== null) certificates.push(own);
    const others = found(2);
    for (let index = 0; others !== null && index < f.OPENSSL_sk_num(others); index++) {
      certificates.push(library.pointer("OPENSSL_sk_value", f.OPENSSL_sk_value(others, index)));
    }
    const key = found(0);
    if (key === null || own === null) {
      throw new OpensslError("PKCS12_parse", "it has no key with its certificate");
    }
    use(key, certificates);
  } finally {
    for (const x509 of certificates) f.X509_free(x509);
    f.OPENSSL_sk_free(found(2));
    f.EVP_PKEY_free(found(0));
    f.PKCS12_free(pkcs12);
    f.BIO_free(bio);
    phrase.fill(0);
    bytes.fill(0);
  }
}

/** An empty one: without any, OpenSSL would ask at the terminal. */
const noPassphrase = cString("");

function reading<T>(library: OpensslLibrary, pem: string, read: (bio: Pointer) => T): T {
  const f = library.functions;
  // Where there is no header, OpenSSL would take what stands before an empty line for one.
  const bytes = cString(pem.includes("Proc-Type") ? pem : pem.replace(/\n\s*\n/g, "\n"));
  if (bytes.length === 1) throw new OpensslError("PEM_read_bio", "no start line", noStartLine);
  // The buffer is not copied: it has to stay until the BIO is gone.
  const bio = library.pointer("BIO_new_mem_buf", f.BIO_new_mem_buf(bytes, bytes.length - 1));
  try {
    return read(bio);
  } finally {
    f.BIO_free(bio);
    bytes.fill(0);
  }
}

/** `text` as C has it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
