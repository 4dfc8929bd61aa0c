// Who is logged in, and what their role may see.

import { client, Problem } from '../api/client';
import type { Company, Role, User } from '../api/types';

/** Pages by role; the engine checks again, this decides what is offered. */
const ALLOWED: Record<Role, readonly string[]> = {
  agent: ['/agent', '/ask'],
  supervisor: ['/supervisor', '/calls', '/report', '/content', '/ask'],
  qa: ['/calls', '/supervisor', '/report', '/content', '/ask'],
  content: ['/content', '/ask'],
  admin: ['/supervisor', '/calls', '/report', '/content', '/ask'],
};

export function pagesOf(role: Role): readonly string[] {
  return ALLOWED[role];
}
export function maySee(role: Role, path: string): boolean {
  return ALLOWED[role].some((one) => path === one || path.startsWith(`${one}/`));
}
/** Who may change content; others may look. */
export function mayEdit(role: Role): boolean {
  return role === 'content' || role === 'admin';
}
export function homeOf(role: Role): string {
  return ALLOWED[role][0] ?? '/';
}

class LoggedIn {
  user = $state<User | null>(null);
  company = $state<Company | null>(null);
  /** Whether the first look at who is logged in has been answered. */
  known = $state(false);

  async load(): Promise<void> {
    const [me, company] = await Promise.allSettled([client.me(), client.company()]);
    this.user = me.status === 'fulfilled' ? me.value.user : null;
    if (company.status === 'fulfilled') this.company = company.value;
    this.known = true;
  }
  async login(name: string, password: string): Promise<User> {
    const { user } = await client.login(name, password);
    this.user = user;
    return user;
  }
  async logout(): Promise<void> {
    try {
      await client.logout();
    } catch (problem) {
      // The cookie may have expired already, which is what was wanted.
      if (!(problem instanceof Problem)) throw problem;
    }
    this.user = null;
  }
}
export const loggedIn = new LoggedIn();
