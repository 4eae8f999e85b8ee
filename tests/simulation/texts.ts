/** What the witness reads in messages, with expressions of its own. @module */

const envelopeMark = [..."Envelope"].map((letter) => letter.charCodeAt(0));

/** Bytes of output in an answer to Receive. */
export function outputBytes(text: string): number {
  let bytes = 0;
  for (const [, base64 = ""] of text.matchAll(/<\w+:Stream\b[^>]*>([^<]+)</g)) {
    const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
    bytes += base64.length / 4 * 3 - padding;
  }
  return bytes;
}

/** Whether an envelope is a fault. */
export function isFault(text: string): boolean {
  return text.includes("<s:Fault");
}

/** [MS-WSMV] 2.2.4.43: the faults that speak of a quota. */
export function isQuotaFault(text: string): boolean {
  const code = Number(/(?:Code="|error_Code>)(\d+)/.exec(text)?.[1]);
  return [
    2150858815,
    2150859173,
    2150859174,
    2150859175,
    2150859176,
    2150859179,
    2150859236,
    2150859237,
    2150859238,
    2150859239,
    2150859240,
    2150859241,
    2150859242,
  ].includes(code);
}

/** Whether there is an envelope in clear. */
export function hasEnvelope(bytes: Uint8Array): boolean {
  const mark = envelopeMark;
  for (let at = bytes.indexOf(mark[0]!); at >= 0; at = bytes.indexOf(mark[0]!, at + 1)) {
    let i = 1;
    while (i < mark.length && bytes[at + i] === mark[i]) i++;
    if (i === mark.length) return true;
  }
  return false;
}
