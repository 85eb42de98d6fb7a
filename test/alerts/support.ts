import type { AlertNotice } from '../../src/alerts/notice.js';
import type { AlertsConfig } from '../../src/config/alert-settings.js';

/** As where nothing is said. */
export function alertSettings(more: Partial<AlertsConfig> = {}): AlertsConfig {
  return {
    name: 'gate-1',
    quietHours: undefined,
    off: [],
    noModemReadyMs: 120_000,
    modemAwayMs: 600_000,
    unknownOutcomesPerHour: 5,
    heartbeatUrl: undefined,
    heartbeatUrlFile: undefined,
    webhooks: [],
    mail: undefined,
    sms: undefined,
    ...more,
  };
}

export function notice(more: Partial<AlertNotice> = {}): AlertNotice {
  return {
    id: 'no_modem_ready:1700000000000',
    state: 'raised',
    kind: 'no_modem_ready',
    subject: '',
    severity: 'severe',
    title: 'no modem is ready',
    what: 'no code goes out: modem main is absent: no modem is plugged in',
    remedy: 'do what the sentence says',
    atMs: 1_700_000_120_000,
    raisedAtMs: 1_700_000_120_000,
    ...more,
  };
}
