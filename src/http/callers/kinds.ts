/** The kinds of callers that there are; another one is a file beside these and a line here. */

import { alertsCaller } from './alerts.js';
import { type Auth0Options, auth0Caller } from './auth0.js';
import { authgearCaller } from './authgear.js';
import type { Caller } from './caller.js';
import { logtoCaller } from './logto.js';
import type { CallerSettings } from './settings.js';
import { basicProof, bearerProof, headerProof, staticCaller } from './static.js';
import { supabaseCaller } from './supabase.js';
import { uptimeKumaCaller } from './uptime-kuma.js';
import { zitadelCaller } from './zitadel.js';

export const callerKinds = {
  auth0: auth0Caller,
  bearer: (settings: CallerSettings) => staticCaller(settings, bearerProof),
  basic: (settings: CallerSettings) => staticCaller(settings, basicProof(settings.username)),
  header: (settings: CallerSettings) => staticCaller(settings, headerProof(settings.header)),
  supabase: supabaseCaller,
  zitadel: zitadelCaller,
  logto: logtoCaller,
  authgear: authgearCaller,
  uptime_kuma: uptimeKumaCaller,
  alerts: alertsCaller,
} as const satisfies Record<string, (settings: CallerSettings & Auth0Options) => Caller>;
