// The one table of everything a person reads, in both languages.

import { agent } from './agent';
import { caller } from './caller';
import { common } from './common';
import { desk } from './desk';

export const messages = { ...common, ...caller, ...agent, ...desk } as const;
export type MessageKey = keyof typeof messages;
