import { type Manifest, manifestOf } from './native-packages.js';

/**
 * Debian wants an address (Policy 5.6.2): that of package.json's `author`, "Name <mail>"; where
 * none stands there, one that cannot be real.
 */
export function maintainerOf(root: string): string {
  const { author }: Manifest = manifestOf(root);
  return typeof author === 'string' && author.includes('<')
    ? author
    : 'The simgate authors <simgate@packages.invalid>';
}
