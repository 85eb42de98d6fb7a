import { AtSession } from '../../src/at/session.js';
import type { LinkListener, SerialLink } from '../../src/serial/link.js';

/**
 * A link whose other end is the test: it sees what is written and says what the modem would say.
 */
export class FakeLink implements SerialLink {
  readonly path = '/dev/fake';
  readonly written: string[] = [];
  closed = false;
  /** Called with every write; what it returns is said by the modem. */
  answer: (bytes: string) => string | undefined = () => undefined;
  #listener: LinkListener | undefined;

  readonly open = (listener: LinkListener): Promise<SerialLink> => {
    this.#listener = listener;
    return Promise.resolve(this);
  };

  write(bytes: string): void {
    this.written.push(bytes);
    const reply = this.answer(bytes);
    if (reply !== undefined) queueMicrotask(() => this.say(reply));
  }

  say(text: string): void {
    this.#listener?.onData(Buffer.from(text, 'latin1'));
  }

  lose(cause: Error): void {
    this.#listener?.onClose(cause as never);
  }

  close(): Promise<void> {
    this.closed = true;
    this.#listener?.onClose(undefined);
    return Promise.resolve();
  }
}

export interface OpenedSession {
  session: AtSession;
  link: FakeLink;
  urcs: { line: string; pdu: string | undefined }[];
  lost: (Error | undefined)[];
  trace: string[];
}

export async function openSession(guardMs = 0): Promise<OpenedSession> {
  const link = new FakeLink();
  const opened: Omit<OpenedSession, 'session'> = { link, urcs: [], lost: [], trace: [] };
  const session = await AtSession.open(
    link.open,
    { guardMs },
    {
      onUrc: (line, pdu) => opened.urcs.push({ line, pdu }),
      onLost: (cause) => opened.lost.push(cause),
      onTrace: (direction, line) => opened.trace.push(`${direction} ${line}`),
    },
  );
  return { session, ...opened };
}
