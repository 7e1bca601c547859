import { z } from 'zod';

/** The variable of api and worker. It is a path itself, so there is no SOURCES_FILE_FILE. */
export const sourcesFields = {
  /** YAML or JSON: named video sources, and which stores use them. */
  SOURCES_FILE: z.string().optional(),
};
