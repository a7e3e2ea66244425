// Draws a dashboard as a page of HTML and SVG, with real data and Grafana's layout:
//   draw.mjs DASHBOARD.json URL PAGE.html WIDTH MINUTES [variable=value...]
// WIDTH below 700 is a phone: one column, in the order of the panels. Simple
// charts; values, units, colours, names and tables are Grafana's own doing.
import fs from 'node:fs';
import { Dashboard, displayValues, nameOf, seriesColor, shown } from './grafana.mjs';

const [file, url, page, widthText, minutes, ...choices] = process.argv.slice(2);
const WIDTH = Number(widthText);
const PHONE = WIDTH < 700;
const GAP = 8;
const UNIT = 30;
const HEAD = 34;
const now = Date.now();
const range = [now - Number(minutes) * 60000, now];
const chosen = {};
for (const one of choices) {
  const [name, value] = one.split('=');
  (chosen[name] ??= []).push(value);
}

const esc = (text) => String(text ?? '').replace(/[&<>"]/g,
  (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }[c]));
const clock = (ms) => new Date(ms).toISOString().slice(11, 16);
const letters = (text, size) => text.length * size * 0.6; // about its width

// ---- charts ----

function niceSteps(low, high, count, bytes) {
  const base = bytes ? 1024 ** Math.floor(Math.log(Math.max(high - low, 1)) / Math.log(1024)) : 1;
  const raw = (high - low) / base / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw) * base;
  const ticks = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) ticks.push(v);
  return ticks;
}

function seriesOf(frames) {
  const found = [];
  for (const frame of frames) {
    const time = frame.fields.find((f) => f.type === 'time');
    if (!time) continue;
    for (const field of frame.fields.filter((f) => f.type === 'number')) {
      if (field.values.some((v) => v !== null && v !== undefined)) {
        found.push({ field, times: time.values, values: field.values,
          name: nameOf(field, frame, frames), color: seriesColor(field) });
      }
    }
  }
  return found;
}

function stackUp(series) {
  const under = new Map();
  for (const s of series) {
    s.base = s.times.map((t) => under.get(t) ?? 0);
    s.top = s.values.map((v, i) => (v === null ? null : v + s.base[i]));
    s.times.forEach((t, i) => under.set(t, s.base[i] + (s.values[i] ?? 0)));
  }
}

function legend(series, panel, x, y, width, height) {
  const right = panel.options.legend.placement === 'right';
  const out = [];
  let px = x, py = y;
  for (const s of series) {
    const last = s.values.filter((v) => v !== null).at(-1);
    const text = right ? `${s.name}  ${shown(s.field.display(last))}` : s.name;
    const w = letters(text, 12.8) + 28;
    if (!right && px + w > x + width && px > x) { px = x; py += 18; }
    if (py > y + height - 12) { out.push(`<text x="${px}" y="${py + 9}" class="dim">…</text>`); break; }
    out.push(`<rect x="${px}" y="${py + 3}" width="14" height="4" rx="2" fill="${s.color}"/>`
      + `<text x="${px + 19}" y="${py + 9}" class="legend">${esc(text)}</text>`);
    if (right) py += 18; else px += w;
  }
  return { svg: out.join(''), rows: right ? 0 : Math.round((py - y) / 18) + 1 };
}

function path(s, X, Y) {
  let d = '', pen = false;
  const top = s.top ?? s.values;
  top.forEach((v, i) => {
    if (v === null || v === undefined || s.times[i] < range[0] || s.times[i] > range[1] + 60000) {
      pen = false;
      return;
    }
    d += `${pen ? 'L' : 'M'}${X(s.times[i]).toFixed(1)} ${Y(v).toFixed(1)}`;
    pen = true;
  });
  return d;
}

function area(s, X, Y, zero) {
  const parts = [];
  let run = [];
  const top = s.top ?? s.values;
  const close = () => {
    if (run.length > 1) {
      parts.push(`M${run.map((i) => `${X(s.times[i]).toFixed(1)} ${Y(top[i]).toFixed(1)}`).join('L')}L`
        + run.reverse().map((i) => `${X(s.times[i]).toFixed(1)} ${(s.base ? Y(s.base[i]) : zero).toFixed(1)}`).join('L') + 'Z');
    }
    run = [];
  };
  top.forEach((v, i) => { if (v === null || v === undefined) close(); else run.push(i); });
  close();
  return parts.join('');
}

function timeAxis(X, top, bottom) {
  const out = [];
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 360].map((m) => m * 60000)
    .find((s) => (range[1] - range[0]) / s <= (X(range[1]) - X(range[0])) / 70) ?? 3600000;
  for (let t = Math.ceil(range[0] / step) * step; t <= range[1]; t += step) {
    if (X(t) < X(range[0]) + 12) continue;
    out.push(`<line x1="${X(t)}" x2="${X(t)}" y1="${top}" y2="${bottom}" class="grid"/>`
      + `<text x="${X(t)}" y="${bottom + 15}" class="axis" text-anchor="middle">${clock(t)}</text>`);
  }
  return out.join('');
}

function events(marks, X, top, bottom) {
  return marks.filter((m) => m.time >= range[0] && m.time <= range[1]).map((m) => `<line x1="${X(m.time)}" x2="${X(m.time)}" y1="${top}" y2="${bottom}" stroke="${m.color}" stroke-dasharray="4 4"/>`
    + `<path d="M${X(m.time) - 5} ${bottom + 5}h10l-5 -7z" fill="${m.color}"/>`).join('');
}

function timeseries(panel, frames, w, h, marks) {
  const series = seriesOf(frames);
  if (!series.length) return null;
  const defaults = panel.fieldConfig.defaults;
  const style = defaults.custom;
  const stacked = style.stacking.mode === 'normal';
  if (stacked) stackUp(series);
  const all = series.flatMap((s) => (s.top ?? s.values)).filter((v) => v !== null && v !== undefined);
  const steps = defaults.thresholds.steps.filter((s) => s.value !== null);
  const low = defaults.min ?? Math.min(style.axisSoftMin ?? 0, ...all);
  let high = defaults.max ?? Math.max(...all) * 1.08;
  if (!(high > low)) high = low + 1;
  const one = series[0].field;
  const ticks = niceSteps(low, high, Math.max(2, Math.floor(h / 55)), /bytes/.test(defaults.unit));
  const labels = ticks.map((v) => shown(one.display(v)));
  const left = Math.max(...labels.map((l) => letters(l, 12))) + 14;
  const legendRows = legend(series, panel, left, 0, w - left - 8, 54).rows;
  const bottom = h - 22 - Math.min(3, legendRows) * 18;
  const X = (t) => left + (t - range[0]) / (range[1] - range[0]) * (w - left - 10);
  const Y = (v) => bottom - (Math.min(v, high) - low) / (high - low) * (bottom - 8);
  const out = ticks.map((v, i) => `<line x1="${left}" x2="${w - 10}" y1="${Y(v)}" y2="${Y(v)}" class="grid"/>`
    + `<text x="${left - 7}" y="${Y(v) + 4}" class="axis" text-anchor="end">${esc(labels[i])}</text>`);
  out.push(timeAxis(X, 8, bottom));
  for (const s of series) {
    const own = { ...style, ...s.field.config.custom };
    const dash = own.lineStyle?.dash ? ` stroke-dasharray="${own.lineStyle.dash.join(' ')}"` : '';
    if (own.drawStyle === 'bars') {
      const each = Math.max(1, (X(s.times[1] ?? 0) - X(s.times[0])) * 0.7);
      s.values.forEach((v, i) => {
        if (!v || s.times[i] < range[0]) return;
        const y = Y(s.top?.[i] ?? v), base = Y(s.base?.[i] ?? 0);
        out.push(`<rect x="${X(s.times[i]) - each}" y="${y}" width="${each}" height="${Math.max(0.5, base - y)}" fill="${s.color}" opacity=".85"/>`);
      });
    } else if (own.drawStyle === 'points') {
      s.values.forEach((v, i) => {
        if (v !== null && s.times[i] >= range[0]) out.push(`<circle cx="${X(s.times[i])}" cy="${Y(v)}" r="2.2" fill="${s.color}"/>`);
      });
    } else {
      if (own.fillOpacity) out.push(`<path d="${area(s, X, Y, bottom)}" fill="${s.color}" opacity="${own.fillOpacity / 100}"/>`);
      out.push(`<path d="${path(s, X, Y)}" fill="none" stroke="${s.color}" stroke-width="${own.lineWidth}"${dash}/>`);
    }
  }
  if (style.thresholdsStyle.mode !== 'off') {
    for (const s of steps.filter((x) => x.value >= low && x.value <= high)) {
      out.push(`<line x1="${left}" x2="${w - 10}" y1="${Y(s.value)}" y2="${Y(s.value)}" stroke="${s.color}" stroke-dasharray="10 8" opacity=".9"/>`);
    }
  }
  out.push(events(marks, X, 8, bottom), legend(series, panel, left, bottom + 24, w - left - 8, 54).svg);
  return `<svg width="${w}" height="${h}">${out.join('')}</svg>`;
}

function timeline(panel, frames, w, h) {
  const rows = [];
  for (const frame of frames) {
    const time = frame.fields.find((f) => f.type === 'time');
    for (const field of frame.fields.filter((f) => f !== time)) {
      rows.push({ field, times: time.values, name: nameOf(field, frame, frames) });
    }
  }
  if (!rows.length) return null;
  const left = Math.min(w * 0.4, Math.max(...rows.map((r) => letters(r.name, 12.5))) + 12);
  const each = (h - 26) / rows.length;
  const X = (t) => left + (Math.max(t, range[0]) - range[0]) / (range[1] - range[0]) * (w - left - 10);
  const out = [timeAxis(X, 0, h - 26)];
  rows.forEach((row, at) => {
    const y = at * each + each * 0.08, high = each * 0.84;
    out.push(`<text x="${left - 8}" y="${y + high / 2 + 4}" class="legend" text-anchor="end">${esc(row.name)}</text>`);
    const values = row.field.values;
    const step = row.times[1] - row.times[0];
    for (let i = 0; i < values.length;) {
      let end = i + 1;
      while (end < values.length && values[end] === values[i]) end++;
      if (values[i] !== null && values[i] !== undefined) {
        const d = row.field.display(values[i]);
        const x = X(row.times[i] - step), x2 = Math.min(w - 10, X(row.times[end - 1]));
        out.push(`<rect x="${x}" y="${y}" width="${Math.max(1, x2 - x)}" height="${high}" fill="${d.color}" opacity=".85"/>`);
        if (x2 - x > letters(d.text, 13) + 8) out.push(`<text x="${x + 7}" y="${y + high / 2 + 5}" class="cell">${esc(d.text)}</text>`);
      }
      i = end;
    }
  });
  return `<svg width="${w}" height="${h}">${out.join('')}</svg>`;
}

// Dark text on light colours.
function ink(color) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return (r * 299 + g * 587 + b * 114) / 1000 > 150 ? '#111217' : '#fff';
}

function spark(values, w, h, color) {
  const known = values.filter((v) => v !== null);
  if (known.length < 2) return '';
  const low = Math.min(0, ...known), high = Math.max(...known) * 1.1 || 1;
  const d = values.map((v, i) => (v === null ? null : `${(i / (values.length - 1) * w).toFixed(1)} ${(h - (v - low) / (high - low) * h).toFixed(1)}`)).filter(Boolean);
  const first = d[0].split(' ')[0];
  return `<svg class="spark" width="${w}" height="${h}"><path d="M${first} ${h}L${d.join('L')}L${w} ${h}Z" fill="${color}" opacity=".28"/><path d="M${d.join('L')}" stroke="${color}" fill="none" opacity=".8"/></svg>`;
}

function stat(panel, frames, w, h) {
  const values = displayValues(panel, frames).filter((v) => v.hasLinks !== undefined);
  if (!values.length) return null;
  const solid = panel.options.colorMode === 'background_solid';
  const each = w / values.length;
  const tiles = values.map((v) => {
    const text = shown(v.display);
    const color = v.display.color ?? '#888';
    const size = Math.min(h * 0.62, each / Math.max(2.2, text.length * 0.68));
    const line = panel.options.graphMode === 'area' && v.sparkline
      ? spark(v.sparkline.y.values, each, h * 0.45, solid ? '#ffffff' : color) : '';
    return `<div class="stat" style="width:${each}px;height:${h}px;${solid ? `background:${color};color:${ink(color)}` : `color:${color}`}">${line}<b style="font-size:${size}px">${esc(text)}</b></div>`;
  });
  return `<div class="row">${tiles.join('')}</div>`;
}

function bargauge(panel, frames, w, h) {
  const values = displayValues(panel, frames);
  if (!values.length) return null;
  const each = Math.min(46, h / values.length);
  const left = Math.min(w * 0.45, Math.max(...values.map((v) => letters(v.display.title ?? '', 13))) + 12);
  const right = Math.max(...values.map((v) => letters(shown(v.display), 20))) + 14;
  const low = panel.fieldConfig.defaults.min ?? 0;
  const high = panel.fieldConfig.defaults.max ?? Math.max(...values.map((v) => v.display.numeric), 1e-12);
  const out = values.map((v, i) => {
    const y = i * each + 3, high1 = each - 6;
    const full = w - left - right;
    const part = Math.max(2, Math.min(1, (v.display.numeric - low) / (high - low)) * full);
    return `<text x="${left - 8}" y="${y + high1 / 2 + 5}" class="legend" text-anchor="end">${esc(v.display.title)}</text>`
      + `<rect x="${left}" y="${y}" width="${full}" height="${high1}" fill="#22252b"/>`
      + `<rect x="${left}" y="${y}" width="${part}" height="${high1}" fill="${v.display.color}" opacity=".9"/>`
      + `<text x="${w - right + 8}" y="${y + high1 / 2 + 6}" class="value" fill="${v.display.color}">${esc(shown(v.display))}</text>`;
  });
  return `<svg width="${w}" height="${h}">${out.join('')}</svg>`;
}

const CIVIDIS = ['#00224e', '#123570', '#3b496c', '#575d6d', '#707173', '#8a8678', '#a59c74', '#c3b369', '#e1cc55', '#fee838'];

function heatmap(panel, frames, w, h) {
  const frame = frames[0];
  const time = frame?.fields.find((f) => f.type === 'time');
  const rows = frame?.fields.filter((f) => f.type === 'number') ?? [];
  if (!rows.length) return null;
  const left = 70;
  const each = (h - 26) / rows.length;
  const most = Math.max(...rows.flatMap((f) => f.values.filter((v) => v !== null)), 1);
  const X = (t) => left + (t - range[0]) / (range[1] - range[0]) * (w - left - 10);
  const out = [timeAxis(X, 0, h - 26)];
  const wide = X(time.values[1]) - X(time.values[0]);
  rows.forEach((field, at) => {
    const y = (rows.length - 1 - at) * each;
    const every = Math.ceil(rows.length / (h / 22));
    if (at % every === 0) out.push(`<text x="${left - 6}" y="${y + each / 2 + 4}" class="axis" text-anchor="end">${esc(nameOf(field, frame, frames))}</text>`);
    field.values.forEach((v, i) => {
      if (!v || time.values[i] < range[0]) return;
      const color = CIVIDIS[Math.min(9, Math.floor(Math.sqrt(v / most) * 9.99))];
      out.push(`<rect x="${X(time.values[i]) - wide}" y="${y}" width="${Math.max(1, wide - 0.5)}" height="${each - 1}" fill="${color}"/>`);
    });
  });
  return `<svg width="${w}" height="${h}">${out.join('')}</svg>`;
}

function table(panel, frames, w, h) {
  const frame = frames[0];
  const nothing = panel.fieldConfig.defaults.noValue;
  if (!frame?.length) return nothing ? `<div class="none">${esc(nothing)}</div>` : null;
  const cells = (row) => frame.fields.map((f) => {
    const value = f.values[row];
    const d = value === null || value === undefined ? { text: '' } : f.display(value);
    const filled = f.config.custom?.cellOptions?.type === 'color-background';
    const linked = f.config.links?.length ? ' class="link"' : '';
    return `<td${linked} style="${filled ? `background:${d.color};color:${ink(d.color ?? '#000000')};text-align:center;font-weight:600` : ''}">${esc(shown({ ...d, text: d.text ?? '' }))}</td>`;
  }).join('');
  const columns = frame.fields.map((f) => `<col${f.config.custom?.width ? ` style="width:${f.config.custom.width}px"` : ''}>`).join('');
  const head = frame.fields.map((f) => `<th>${esc(nameOf(f, frame, frames))}</th>`).join('');
  const body = Array.from({ length: frame.length }, (_, i) => `<tr>${cells(i)}</tr>`).join('');
  const wide = frame.fields.reduce((sum, f) => sum + (f.config.custom?.width ?? 150), 0);
  return `<div style="width:${w}px;height:${h}px;overflow:hidden"><table style="width:${Math.max(w, wide)}px"><colgroup>${columns}</colgroup><tr>${head}</tr>${body}</table></div>`;
}

const KINDS = { timeseries, stat, bargauge, heatmap, table, 'state-timeline': timeline };

// ---- the page ----

const dashboard = new Dashboard(JSON.parse(fs.readFileSync(file)), url, range, chosen);
await dashboard.resolve();
const marks = await dashboard.annotations();
const cell = (WIDTH - 2 * 16 + GAP) / 24;
const boxes = [];
const empty = [];
let shift = 0, lastY = -1, phoneY = 0, base = 0, seen = new Set();

for (const { panel, scoped } of dashboard.panels(false)) {
  const pos = panel.gridPos;
  const key = JSON.stringify([panel.id]);
  if (seen.has(key) || pos.y + shift < lastY) { // a repeat: below what is drawn
    shift = base - pos.y;
    seen = new Set();
  }
  seen.add(key);
  lastY = pos.y + shift;
  base = Math.max(base, pos.y + shift + pos.h);
  const high = pos.h * (UNIT + GAP) - GAP;
  const box = PHONE
    ? { x: 10, y: phoneY, w: WIDTH - 20, h: high }
    : { x: 16 + pos.x * cell, y: (pos.y + shift) * (UNIT + GAP), w: pos.w * cell - GAP, h: high };
  phoneY += high + GAP;
  const title = esc(dashboard.text(panel.title, scoped, true));
  const place = `left:${box.x}px;top:${box.y}px;width:${box.w}px;height:${box.h}px`;
  if (panel.type === 'row') {
    boxes.push(`<div class="heading" style="${place}">${panel.collapsed ? '›' : '⌄'} ${title}</div>`);
    continue;
  }
  const frames = await dashboard.frames(panel, scoped, box.w - 16);
  const drawn = KINDS[panel.type](panel, frames, box.w - 16, box.h - HEAD - 6, marks);
  if (drawn === null) empty.push(title);
  boxes.push(`<div class="panel" style="${place}"><h2>${title}<i title="${esc(panel.description)}">i</i></h2>${drawn ?? '<div class="none">No data</div>'}</div>`);
}

const bottom = PHONE ? phoneY : base * (UNIT + GAP);
const pills = Object.values(dashboard.values).map((v) => `<span>${esc(v.label)} <b>${esc(v.shown.join(' + ') || '—')}</b></span>`).join('');
const notes = dashboard.json.annotations.list.filter((a) => a.enable).map((a) => `<span class="note"><i style="background:${a.iconColor}"></i>${esc(a.name)}</span>`).join('');
fs.writeFileSync(page, `<!doctype html><html lang="en"><meta charset="utf-8"><title>${esc(dashboard.json.title)}</title><style>
body{margin:0;background:#111217;color:#ccccdc;font:14px Inter,"DejaVu Sans",sans-serif;width:${WIDTH}px}
header{padding:14px 16px 10px}h1{font-size:20px;margin:0 0 10px;color:#fff;font-weight:600}h1 small{font-weight:400;color:#8e8e9c;font-size:13px;margin-left:12px}
header span{display:inline-block;border:1px solid #2f333b;border-radius:3px;padding:4px 9px;margin:0 7px 5px 0;color:#8e8e9c;font-size:13px}header b{color:#fff;font-weight:500}
.note i{display:inline-block;width:9px;height:9px;border-radius:5px;margin-right:6px}
main{position:relative;height:${bottom + 8}px}
.panel{position:absolute;background:#181b1f;border:1px solid #25282e;border-radius:3px;box-sizing:border-box;padding:0 7px;overflow:hidden}
.panel h2{font-size:15px;font-weight:500;margin:0;line-height:${HEAD}px;color:#e6e6f0;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.panel h2 i{font:italic 11px serif;border:1px solid #565c66;border-radius:8px;padding:0 5px;margin-left:8px;color:#8e8e9c}
.heading{position:absolute;font-size:17px;line-height:30px;color:#fff}.row{display:flex}
.stat{position:relative;display:flex;align-items:center;justify-content:center;border-radius:3px;overflow:hidden}.stat b{position:relative;font-weight:600;white-space:nowrap}.spark{position:absolute;left:0;bottom:0}
.none{color:#8e8e9c;text-align:center;padding-top:12%}
svg text{font-size:12px;fill:#ccccdc}svg .axis{fill:#8e8e9c;font-size:12px}svg .legend{font-size:12.5px}svg .value{font-size:17px;font-weight:600}svg .cell{font-size:13px;fill:#111217;font-weight:600}.grid{stroke:#25282e}
table{border-collapse:collapse;table-layout:fixed}th{text-align:left;color:#8ab4f8;font-weight:500;padding:5px 9px}td{padding:8px 9px;border-top:1px solid #25282e;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;font-size:15px}.link{color:#6e9fff}
</style><header><h1>${esc(dashboard.json.title)}<small>${PHONE ? '' : esc(dashboard.json.description)}</small></h1>${pills}${PHONE ? '' : notes}</header><main>${boxes.join('\n')}</main></html>`);
console.log(JSON.stringify({ title: dashboard.json.title, height: bottom + (PHONE ? 190 : 100), empty }));
