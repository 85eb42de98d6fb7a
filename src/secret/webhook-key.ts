/**
 * The octets of a secret for signatures as Standard Webhooks has them: `whsec_` and base64, 24
 * octets at least. Undefined when it is none.
 */
export function webhookKey(text: string): Buffer | undefined {
  const written = text.trim().replace(/^whsec_/, '');
  if (!/^[A-Za-z0-9+/_-]{32,}={0,2}$/.test(written)) return undefined;
  return Buffer.from(written, 'base64');
}
