/** Reads what RPC has written: NDR of 32 bits in type serialization version 1 ([MS-RPCE] 2.2.6). @module */
import { ProtocolError } from "../errors.ts";

/** A cursor over hostile bytes. Every reading checks that the bytes are there. */
export class NdrReader {
  readonly #view: DataView;
  #at = 0;

  /** Over one serialized type: what follows its two headers. */
  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    // Version 1, little-endian, 8 bytes of header; then the length of what follows, and 4 bytes that mean nothing.
    const known = this.u8() === 1 && this.u8() === 0x10 && this.u16() === 8;
    this.skip(4);
    const length = this.u32();
    this.skip(4);
    if (!known || length > this.left) throw malformed("its headers are wrong");
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#view.byteLength - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#step(1));
  }

  u16(): number {
    this.#align(2);
    return this.#view.getUint16(this.#step(2), true);
  }

  u32(): number {
    this.#align(4);
    return this.#view.getUint32(this.#step(4), true);
  }

  /** Whether a pointer points to something, which follows later. */
  pointer(): boolean {
    return this.u32() !== 0;
  }

  skip(length: number): void {
    this.#step(length);
  }

  /** `length` bytes, not copied. */
  bytes(length: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#step(length), length);
  }

  /** The count of an array that was announced with `count` elements of `size` bytes, and has room for them. */
  array(count: number, size: number): number {
    if (this.u32() !== count || count > this.left / size) {
      throw malformed("an array has another length than is said");
    }
    return count;
  }

  #align(size: number): void {
    const over = this.#at % size;
    if (over !== 0) this.#step(size - over);
  }

  #step(length: number): number {
    const at = this.#at;
    if (length > this.left) throw malformed("it ends too early");
    this.#at = at + length;
    return at;
  }
}

/** The one error of what cannot be read. */
export function malformed(why: string): ProtocolError {
  return new ProtocolError("PacMalformed", `read logon info of the PAC: ${why}`);
}
