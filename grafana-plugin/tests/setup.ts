/** What jsdom lacks and Grafana's components want. */
import { cleanup, configure } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

afterEach(cleanup);
// A machine that compiles beside this takes its time.
configure({ asyncUtilTimeout: 60000 });

const media = { matches: false, addListener: vi.fn(), removeListener: vi.fn(), addEventListener: vi.fn(), removeEventListener: vi.fn() };

window.matchMedia = vi.fn().mockReturnValue(media);
HTMLCanvasElement.prototype.getContext = vi.fn().mockReturnValue(null);
globalThis.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
