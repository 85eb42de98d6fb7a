/**
 * The byte pipe to a modem. One object per connection: it is never reopened (a serialport stream
 * would replay stale writes).
 */
export interface SerialLink {
  /** The path that was opened, for people. */
  readonly path: string;
  /**
   * Hands bytes to the tty. Never throws and never waits: a failure arrives as the `onClose` cause,
   * and a write callback that never comes is caught by the timeout of the command that wrote.
   */
  write(bytes: string): void;
  /** Closes for good; resolves when the tty is free again. May be called more than once. */
  close(): Promise<void>;
}

/**
 * Who listens to a link. Each is called from the event loop, `onClose` exactly once, after which
 * nothing more comes.
 */
export interface LinkListener {
  onData(bytes: Buffer): void;
  /** `cause` is undefined when we closed it ourselves. */
  onClose(cause: LinkLost | undefined): void;
}

/** Opens a link; rejects with {@link LinkLost}. */
export type OpenLink = (listener: LinkListener) => Promise<SerialLink>;

/** The tty cannot be opened, was hung up, or failed. */
export class LinkLost extends Error {
  override readonly name = 'LinkLost';
  /**
   * True when the tty is there, and somebody else's: held by another program, not for our user, or
   * of a thing that is no modem.
   */
  readonly isOthers: boolean;
  /** The way out that the message ends with; undefined: as one knows it of any tty. */
  readonly remedy: string | undefined;

  constructor(
    message: string,
    options: ErrorOptions & { isOthers?: boolean; remedy?: string | undefined } = {},
  ) {
    super(message, options);
    this.isOthers = options.isOthers ?? false;
    this.remedy = options.remedy;
  }
}
