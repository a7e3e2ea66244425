/** What jsdom lacks and Grafana's components want. */
import { cleanup } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

afterEach(cleanup);

const media = { matches: false, addListener: vi.fn(), removeListener: vi.fn(), addEventListener: vi.fn(), removeEventListener: vi.fn() };

window.matchMedia = vi.fn().mockReturnValue(media);
HTMLCanvasElement.prototype.getContext = vi.fn().mockReturnValue(null);
globalThis.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
