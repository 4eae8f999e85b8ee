/** Through which proxy a host is reached: one that was named for it; those of the environment only when they are asked for. @module */
import type { ProxyOptions } from "../../actors/ports.ts";
import { UsageError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";

/**
 * Reads `http://host:port`; the port is 80 where none is said.
 *
 * @throws UsageError `ProxyUnusable`
 */
export function readProxy(text: string): ProxyOptions {
  const unusable = (why: string) => new UsageError("ProxyUnusable", `read proxy: ${why}`);
  let url: URL;
  try {
    url = new URL(text.includes("://") ? text : `http://${text}`);
  } catch {
    // It may have a password in it, and is not shown.
    throw unusable("it is not of the form http://HOST:PORT");
  }
  if (url.protocol !== "http:") throw unusable(`only http:// is spoken to proxies, not ${url.protocol}//`);
  if (url.hostname === "" || (url.pathname !== "/" && url.pathname !== "")) {
    throw unusable("it is not of the form http://HOST:PORT");
  }
  const plain = (part: string) => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw unusable("its user or password has a % that is not written as %25");
    }
  };
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? 80 : Number(url.port),
    ...(url.username === "" ? {} : {
      credential: {
        user: plain(url.username),
        password: new Secret(plain(url.password)),
        // Whoever writes a password into such an address asks for Basic: it is what every program takes it for.
        allowBasic: true,
      },
    }),
  };
}

/**
 * The environment's proxy for a host: `HTTPS_PROXY` or `HTTP_PROXY`, unless `NO_PROXY` names it. (The small letters come first, as
 * with curl.)
 *
 * @throws UsageError `ProxyUnusable`
 */
export function environmentProxy(
  host: string,
  secure: boolean,
  env: (name: string) => string | undefined,
): ProxyOptions | undefined {
  const said = (name: string) => env(name.toLowerCase()) ?? env(name);
  if (isExcepted(host.toLowerCase(), said("NO_PROXY") ?? "")) return undefined;
  const text = said(secure ? "HTTPS_PROXY" : "HTTP_PROXY");
  return text === undefined || text === "" ? undefined : readProxy(text);
}

function isExcepted(host: string, list: string): boolean {
  return list.split(",").map((name) => name.trim().toLowerCase().replace(/^\*?\./, "")).some((name) =>
    name !== "" && (name === "*" || host === name.replace(/^\[(.*)\]$/, "$1") || host.endsWith(`.${name}`))
  );
}
