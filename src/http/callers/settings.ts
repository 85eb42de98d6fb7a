import type { Templates } from './templates.js';

/** What a caller is made of; what is a function may change while it is in use. */
export interface CallerSettings {
  name: string;
  path: string;
  /** The octets of the file, the one in use first, then the one before a rotation. */
  secrets: () => readonly Uint8Array[];
  /** Wall-clock milliseconds that may be true, the likeliest first. */
  now: () => readonly number[];
  templates: () => Templates;
  /** `basic` and `alerts`: the user's name. */
  username: string;
  /** `header`: the name of the header. */
  header: string;
  /** `alerts`: whom they go to, E.164. */
  recipients: () => readonly string[];
  /** Most segments of a text that is cut rather than refused. */
  maxSegments: () => number;
}
