import { spawnSync } from 'node:child_process';
import { OperatorError } from '../errors.js';
import { runHooks } from '../recovery-hook/run.js';
import { accountIn } from '../secret/accounts.js';
import { whoElseMayChange } from '../secret/trusted-path.js';

/** Of `simgate run-recovery-hook`, which simgate-recover.service runs. */
export interface HookOptions {
  dropDir: string;
  takenDir: string;
  hook: string;
  /** A user's name. */
  owner: string;
}

/** Seconds that a hook may take. */
const limitS = 120;
/** The whole environment of the hook: it gets nothing of the caller's. */
const env = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
};

/** Runs the recovery hook for each note. Throws {@link OperatorError}. */
export function recoveryHook({ owner, ...place }: HookOptions): void {
  runHooks(
    { ...place, ownerUid: uidOf(owner), limitS },
    {
      run([file = '', ...args]) {
        const { status, error } = spawnSync(file, args, {
          env,
          stdio: ['ignore', 'inherit', 'inherit'],
        });
        if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
        if (error) throw error;
        return status ?? 128;
      },
      whoElseMayChange,
      say: (line) => console.log(line),
    },
  );
}

/** passwd(5). The service's user is a local one, which systemd-sysusers makes. */
function uidOf(user: string): number {
  const uid = accountIn('/etc/passwd', user)?.[2];
  if (uid === undefined)
    throw new OperatorError(`there is no user ${user}: sudo systemd-sysusers makes it`);
  return Number(uid);
}
