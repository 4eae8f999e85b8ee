/** What kinds of Windows there are, as plain data. @module */

/** What kind of Windows it is: every trait by itself, as services in the field mix them. */
export interface WindowsProfile {
  /** WinRM 2.0: no `rsp:Shell`, its own shell and command ids. */
  readonly old: boolean;
  /** Done comes without empty elements that end the streams. */
  readonly noEnds: boolean;
  /** Running carries an ExitCode of 0. */
  readonly exitCodeOnRunning: boolean;
  /** Faults come under HTTP 200. */
  readonly faultsUnder200: boolean;
  /** Quota faults are MSFT_WmiError, without RelatesTo. */
  readonly wmiErrors: boolean;
  /** One answer in so many is followed by the connection's end; 0: none. */
  readonly closesEvery: number;
  /** Milliseconds until an idle connection is closed. */
  readonly idleMs: number;
  /** Shells and operations that one user may have. */
  readonly maxShells: number;
  readonly maxOperations: number;
  /** One Create or Command in so many is refused, because other clients share the quota; 0: none. */
  readonly foreignEvery: number;
  /** That goes for Receive and Send, too. */
  readonly foreignAll: boolean;
  /** A Receive that waits when its command is signalled is broken off (995) instead of told of the end. */
  readonly abortsReceive: boolean;
  /** Pending is said in place of Running, now and then. */
  readonly saysPending: boolean;
  /** One request in so many is answered 503 by http.sys, unread; 0: none. */
  readonly busyEvery: number;
  /** Milliseconds between keepalives while a sealed Receive waits, in one chunked answer with the real one; 0: none. */
  readonly keepaliveMs: number;
  /** Answers come chunked. */
  readonly chunked: boolean;
  /** Answers carry `p:ActivityId`, as newer versions do. */
  readonly activityIds: boolean;
  /** Commands that may run in one shell. */
  readonly maxProcesses: number;
  /** The account may read winrm/config; else AccessDenied. */
  readonly configReadable: boolean;
  /** Shells that others have left here, under the same account. */
  readonly foreignShells: number;
}
