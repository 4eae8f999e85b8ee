/** Plain lists of hosts: one a line, or `--hosts a,b,c`. @module */

import { inventoryError, type Place } from "./errors.ts";
import { InventoryModel } from "./model.ts";
import { expandHostPattern, looksLikeIpv6, parsePort } from "./ranges.ts";
import type { Variables } from "./values.ts";

const action = "read host";

/**
 * Parses a list with one host a line; `#` begins a comment, ranges are expanded. Each host is written as for
 * {@link addHostText}.
 */
export function parseListInventory(text: string, file: string, model = new InventoryModel()): InventoryModel {
  let number = 0;
  for (const raw of text.split(/\r\n|\n|\r/)) {
    const place: Place = { file, line: ++number };
    const line = raw.replace(/(?:^|\s)#.*$/, "").trim();
    if (line !== "") addHostText(model, line, place);
  }
  return model;
}

/**
 * Adds one host: `web01`, `web01:5985`, `[::1]:5985`, `::1`, `web[1:3]`, or `https://web01:5986/wsman`. The text is the
 * host's name in reports, so that two ports of one machine stay two hosts.
 * @throws UsageError InventoryHost
 */
export function addHostText(model: InventoryModel, text: string, place: Place): void {
  if (/^https?:\/\//i.test(text)) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined) throw bad(place, "not a URL");
    if (url.username !== "" || url.password !== "") {
      throw bad(place, "a URL may not hold an account, use --user");
    }
    if (url.search !== "" || url.hash !== "") {
      throw bad(place, "a URL may have a path but no query or fragment");
    }
    const set = setter(model, text, place);
    set("ansible_host", url.hostname.replace(/^\[(.*)\]$/, "$1"));
    set("ansible_psrp_protocol", url.protocol === "https:" ? "https" : "http");
    // URL leaves out 80 and 443, which would then become WinRM's own ports.
    set("ansible_port", url.port === "" ? writtenPort(text, place) : Number(url.port));
    if (url.pathname !== "/") set("ansible_psrp_path", url.pathname);
    return;
  }
  if (text.includes("@")) throw bad(place, "an account is not part of a host, use --user");
  if (/[\s/\\'"=,;#?&]/.test(text) || /\p{Cc}/u.test(text)) {
    throw bad(place, `${JSON.stringify(text.slice(0, 100))} is not a host`);
  }
  if (looksLikeIpv6(text)) {
    setter(model, text, place)("ansible_host", text);
    return;
  }
  const { names, port } = expandHostPattern(text, place);
  const single = names.length === 1;
  for (const name of names) {
    if (name === "") throw bad(place, "the host has no name");
    const shown = single ? text : port === undefined ? name : `${name}:${port}`;
    const set = setter(model, shown, place);
    set("ansible_host", name);
    set("ansible_port", port);
  }
}

function setter(
  model: InventoryModel,
  name: string,
  place: Place,
): (variable: string, value: unknown) => void {
  const variables: Variables = model.host(name, "ungrouped", place).variables;
  return (variable, value) => {
    if (value !== undefined) variables.set(variable, { value, ...place });
  };
}

function writtenPort(url: string, place: Place): number | undefined {
  return parsePort(/^https?:\/\/[^/?#]*:(\d+)(?:[/?#]|$)/i.exec(url)?.[1], place);
}

function bad(place: Place, state: string) {
  return inventoryError("InventoryHost", action, place, state);
}
