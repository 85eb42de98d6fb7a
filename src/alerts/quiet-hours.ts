/** Two times of day, in minutes after midnight; over night, where the second is the earlier. */
export interface QuietHours {
  fromMinute: number;
  toMinute: number;
}

/** Whether `wallMs` is within them, in the time zone of this machine. */
export function isQuiet(hours: QuietHours | undefined, wallMs: number): boolean {
  if (hours === undefined) return false;
  const { fromMinute, toMinute } = hours;
  const date = new Date(wallMs);
  const minute = date.getHours() * 60 + date.getMinutes();
  if (fromMinute <= toMinute) return minute >= fromMinute && minute < toMinute;
  return minute >= fromMinute || minute < toMinute;
}
