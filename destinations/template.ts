import { Liquid } from 'liquidjs';

const MAX_TEMPLATE_CHARACTERS = 16_384;
const MAX_RENDER_MS = 200;
/** Characters and list entries that a template allocates, in liquidjs' own count. */
const MAX_MEMORY = 100_000;
/** They read other templates; there are none. */
const FILE_TAGS = ['include', 'render', 'layout', 'block'];
/** They evaluate an expression per entry of a list, and no limit applies in between: 9,000 entries took 370 ms. */
const SLOW_FILTERS = /_exp$/;

/** A template is invalid or exceeded a limit. `message` is one sentence. */
export class TemplateError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TemplateError';
  }
}

const engine = createEngine();

function createEngine(): Liquid {
  const liquid = new Liquid({
    // Without files: names of templates are looked up in this empty object.
    templates: {},
    ownPropertyOnly: true,
    strictFilters: true,
    parseLimit: MAX_TEMPLATE_CHARACTERS,
    renderLimit: MAX_RENDER_MS,
    memoryLimit: MAX_MEMORY,
  });
  for (const tag of FILE_TAGS) delete liquid.tags[tag];
  for (const filter of Object.keys(liquid.filters).filter((name) => SLOW_FILTERS.test(name)))
    delete liquid.filters[filter];
  return liquid;
}

/**
 * Returns the text of a Liquid template. Throws TemplateError if it is invalid or exceeds a limit. It sees the given data
 * only, no files and no prototypes.
 */
export function renderTemplate(template: string, data: object): string {
  try {
    return String(engine.parseAndRenderSync(template, data));
  } catch (error) {
    throw new TemplateError(`the template cannot be rendered: ${reasonOf(error)}`, { cause: error });
  }
}

/** Returns why a template cannot be used, in one sentence, or undefined. It is rendered with a sample alert. */
export function templateProblem(template: string): string | undefined {
  try {
    renderTemplate(template, SAMPLE);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** liquidjs' first line has the reason and the position; the template itself follows. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? '').slice(0, 300);
}

const ALERT = {
  uuid: '35df2857-3a48-4985-aed0-e68b5ae4c968',
  status: 'processed',
  video: '/videos/test_1.avi',
  store: 'test-store',
  timestamp: 1748871320.6882,
  resolution: '1280x720',
  failure: null,
  received_at: '2025-06-02T13:35:21.000Z',
  links: { self: '/alerts/35df2857-3a48-4985-aed0-e68b5ae4c968' },
};
const SAMPLE = {
  id: '0c7c8f0e-3f7c-4a52-9d0b-0c2d5c2f1a11',
  type: 'alert.processed',
  timestamp: '2025-06-02T13:35:22.000Z',
  data: ALERT,
};
