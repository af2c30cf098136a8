//! How a page looks: on a phone and on a desk, light and dark.

use serde_json::Value;

use crate::chromium::Chromium;

/// What a page does wrong at its present size: things beyond its edge, small targets, faint text.
const FAULTS: &str = r"
const faults = [];
if (document.documentElement.scrollWidth > innerWidth) faults.push('wider than the window: ' + document.documentElement.scrollWidth);
const rgb = c => c.match(/[\d.]+/g).map(Number);
const light = c => { const [r, g, b] = rgb(c).slice(0, 3).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b };
const paper = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if ((rgb(c)[3] ?? 1) === 1) return c } return matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18,18,18)' : 'rgb(255,255,255)' };
for (const e of document.querySelectorAll('p, a, h1, h2, label, button, dt, dd, legend, summary, input')) {
  const box = e.getBoundingClientRect();
  if (!box.width || box.right < 0) continue;
  const pair = [light(getComputedStyle(e).color), light(paper(e))].sort((a, b) => b - a);
  const contrast = (pair[0] + .05) / (pair[1] + .05);
  if (contrast < 4.5) faults.push(`${e.tagName} ${e.textContent.trim().slice(0, 20)}: contrast ${contrast.toFixed(2)}`);
  const inText = e.tagName === 'A' && e.closest('p');
  if (e.matches('button, a, summary, label:has(input), input:not([type=hidden]):not([type=checkbox]):not([type=radio])') && !inText && box.height < 43.5)
    faults.push(`${e.tagName} ${e.textContent.trim().slice(0, 20)}: only ${box.height} high`);
}
if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
for (const i of document.querySelectorAll('input:not([type=hidden]):not([aria-hidden])')) if (!i.labels.length) faults.push('no label: ' + i.name);
return faults;
";

/// The same for a page to work with: what stands in a line or a table may be as small as a pointer needs
/// (WCAG 2.2, 2.5.8), and axe looks for everything else. Returns what is wrong.
pub async fn faults_at_work(page: &Chromium, name: &str) -> Vec<String> {
    let mut all = Vec::new();
    let faults = FAULTS
        .replace("e.closest('p')", "e.closest('p, td, th, li, dd, .tag, figure')")
        .replace("if (!i.labels.length)", "if (!i.labels.length && !i.ariaLabel)")
        .replace("faults.push('not one h1')", "faults.push('h1: ' + document.title)")
        .replace("return faults;", "for (const a of document.querySelectorAll('td a, th a, li a')) if (a.getBoundingClientRect().height < 23.5) faults.push('link too small: ' + a.textContent);\nreturn faults;");
    for (width, scheme) in [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark"), (1600, "light")] {
        page.looks_like(width, scheme).await;
        page.pictures(&format!("{name}-{width}-{scheme}")).await;
        let mut found = vec![page.asks_page(&faults).await];
        if width != 1600 {
            found.push(page.looked_at_by_axe().await);
        }
        let found = found.iter().filter_map(Value::as_array).flatten();
        all.extend(found.map(|fault| format!("{name} at {width} pixels, {scheme}: {fault}")));
    }
    page.looks_like(1280, "light").await;
    all
}

/// Looks at a page in four ways, keeps the pictures and fails on what is wrong.
pub async fn is_fit(page: &Chromium, name: &str) {
    for (width, scheme) in [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")] {
        page.looks_like(width, scheme).await;
        page.pictures(&format!("{name}-{width}-{scheme}")).await;
        let faults = page.asks_page(FAULTS).await;
        assert_eq!(faults, Value::Array(vec![]), "{name} at {width} pixels, {scheme}");
    }
    page.looks_like(1280, "light").await;
}
