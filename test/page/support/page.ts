import { onTestFinished } from 'vitest';
import { createAdminApp, statusJson } from '../../../src/http/app.js';
import { createServer, type ServerLimits } from '../../../src/http/server.js';
import type { LogFilter, LogRow } from '../../../src/journal/entries.js';
import { type AdminPage, createPage, type PageOptions } from '../../../src/page/page.js';
import type { ShownModem, ShownState } from '../../../src/page/shown-state.js';
import { LogRecord } from '../../http/support/gateway.js';

export const nowMs = Date.UTC(2026, 10, 30, 3, 0, 0);

export const goodModem: ShownModem = {
  name: 'main',
  phase: 'ready',
  sinceMs: nowMs - 3_600_000,
  isAble: true,
  obstacles: [],
  device: '/dev/ttyUSB2',
  operator: 'Testnet',
  registration: 'home',
  signalDbm: -71,
  isSuspect: false,
  notices: [],
  used: { dayCount: 40, monthCount: 400, monthRecipients: 90 },
  caps: { perDay: 50, perMonth: undefined, recipientsPerMonth: undefined },
};

export const goodState: ShownState = {
  nowMs,
  version: '0.1.0',
  health: { grade: 'ok', obstacles: [] },
  waiting: 0,
  maxWaiting: 50,
  modems: [goodModem],
  lastAccepted: { atMs: nowMs - 40_000, tookMs: 3_100 },
};

/** A row of the journal that was accepted, but for what is said otherwise. */
export function rowOf(change: number, other: Partial<LogRow> = {}): LogRow {
  return {
    change,
    id: `00000000-0000-4000-8000-${String(change).padStart(12, '0')}`,
    atMs: nowMs - change * 1_000,
    caller: 'auth0',
    recipientMasked: '+49…67',
    country: 'DE',
    segments: 1,
    modem: 'main',
    wasStarted: true,
    outcome: { status: 200, submitted: 'yes', waitedMs: 12, tookMs: 3_100 },
    ...other,
  };
}

export interface PageRig {
  /** Without the `/` at its end. */
  url: string;
  page: AdminPage;
  /** What it shows; to be changed. */
  look: { state: ShownState; rows: LogRow[]; noSearch: string | undefined };
  /** What the journal was asked for. */
  asked: LogFilter[];
  close: (graceMs: number) => Promise<void>;
}

/** The page at a real listener, over a daemon and a journal that are made up. */
export async function startPage(
  options: Partial<PageOptions> = {},
  limits: Partial<ServerLimits> = {},
): Promise<PageRig> {
  const look: PageRig['look'] = { state: goodState, rows: [], noSearch: undefined };
  const asked: LogFilter[] = [];
  const { log } = new LogRecord();
  const page = createPage({
    state: () => look.state,
    statusJson: () => statusJson({ version: '0.1.0' }),
    callers: () => [{ name: 'auth0', kind: 'auth0', path: '/sms', class: 'login' }],
    policy: {
      explain: () => {
        throw new Error('nobody asks');
      },
    },
    limits: {
      standing: () => ({ uses: [], of: 'this box' }),
      fresh: async () => ({ uses: [], of: 'this box' }),
    },
    policyConfig: () =>
      ({ countries: ['DE'], refuseTypes: [], allowPrefixes: [], refusePrefixes: [] }) as never,
    journal: {
      query: async (filter) => {
        asked.push(filter);
        // As from another thread.
        await new Promise(setImmediate);
        const { afterChange } = filter;
        const rows = look.rows.filter(({ change }) => change > (afterChange ?? -1));
        return {
          rows: rows.slice(0, filter.limit),
          lastChange: Math.max(0, ...look.rows.map(({ change }) => change)),
        };
      },
    },
    hmac: (domain, text) => `hmac(${domain},${text})`,
    history: { points: () => [], signalOfDay: () => [] },
    asset: async (name) => Buffer.from(`/* ${name} */`),
    visitorOf: () => ({ hasSession: false, noSearch: look.noSearch }),
    isStillIn: () => true,
    log,
    ...options,
  });
  const handler = createAdminApp({
    isReady: () => true,
    snapshot: () => ({ version: '0.1.0' }),
    addRoutes: (router) => page.addRoutes(router),
    log,
  });
  const server = createServer({
    handler,
    listen: { host: '127.0.0.1', port: 0 },
    log,
    limits: { checkIntervalMs: 20, lingerMs: 50, ...limits },
  });
  const { port } = await server.listen();
  const close = (graceMs: number) => {
    page.close();
    return server.close(graceMs);
  };
  onTestFinished(() => close(0));
  return { url: `http://127.0.0.1:${port}`, page, look, asked, close };
}

/** Reads a stream of events until its text fits; vitest's own timeout is the limit. */
export async function readUntil(response: Response, fits: (text: string) => boolean) {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (fits(text)) return text;
  }
  throw new Error(`the stream ended with: ${text}`);
}
