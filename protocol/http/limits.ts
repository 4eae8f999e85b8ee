/** Limits on what a peer may make the codec hold or decode. @module */

/** Limits of one parser. Every one is finite by default; a value over the limit is an `HttpTooLarge` error. */
export interface HttpLimits {
  /** Longest request line or status line, in bytes without its CRLF. Default 16384. */
  readonly maxStartLine: number;
  /** All header lines of one message together, in bytes. Default 262144: Kerberos tokens with a PAC are large. */
  readonly maxHeaderBytes: number;
  /** Header lines of one message, and trailer lines of one message. Default 128. */
  readonly maxHeaders: number;
  /** Decoded body of one message, in bytes. Default 64 MiB; `Infinity` lifts the limit. */
  readonly maxBodyBytes: number;
  /** Chunk extensions of one message together, in bytes. Default 4096. */
  readonly maxChunkExtension: number;
  /** Trailer lines of one message together, in bytes. Default 16384. */
  readonly maxTrailerBytes: number;
}

/** The limits that hold where none are given. */
export const defaultHttpLimits: HttpLimits = Object.freeze({
  maxStartLine: 16384,
  maxHeaderBytes: 262144,
  maxHeaders: 128,
  maxBodyBytes: 64 * 1024 * 1024,
  maxChunkExtension: 4096,
  maxTrailerBytes: 16384,
});
