// Supervisor, quality and content pages.
export const desk = {} as const;
