"""What the browser needs for screen readers and ipywidgets 8 leaves out, as one invisible element.

ipywidgets gives the handle of a slider no accessible name, its Image no alt text (and its tooltip breaks the view),
and no way to mark a text as a live region. There is no attribute for any of these on the Python side, so an explorer
contains an invisible image whose `onload` sets them on the page, once, and again when ipywidgets adds a control.
Menus also get the mark that makes JupyterLab leave their keys alone: it would take ArrowDown from a menu, to go to the
next cell.

It fetches nothing. Where a page forbids inline handlers the explorer works as before, without the names.
"""

from __future__ import annotations

import html

# A transparent picture of one pixel: its load event fires when the browser puts it on the page.
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

SCRIPT = """
const root = this.closest('.course-explorer'), alt = this.dataset.alt, name = this.dataset.name;
if (root) {
  const set = (node, key, value) => { if (node && node.getAttribute(key) !== value) node.setAttribute(key, value); };
  const label = () => {
    set(root, 'role', 'group');
    set(root, 'aria-label', name);
    root.querySelectorAll('.widget-slider').forEach((slider) => {
      const text = slider.querySelector('.widget-label');
      const handles = slider.querySelectorAll('[role=slider]'), ends = [', low end', ', high end'];
      handles.forEach((handle, i) => {
        if (text) set(handle, 'aria-label', text.textContent + (handles.length > 1 ? ends[i] : ''));
      });
      if (text) set(slider.querySelector('.widget-readout'), 'aria-label', text.textContent + ', value');
    });
    root.querySelectorAll('select').forEach((menu) => set(menu, 'data-lm-suppress-shortcuts', 'true'));
    set(root.querySelector('img.course-picture, .course-picture img'), 'alt', alt);
    const says = root.querySelector('.course-says');
    set(says, 'role', 'status');
    set(says, 'aria-live', 'polite');
    set(root.querySelector('.course-trouble'), 'role', 'alert');
  };
  label();
  new MutationObserver(label).observe(root, { childList: true, subtree: true });
}
"""


def helper(name: str, alt: str) -> str:
    """HTML of the invisible element: `name` is the explorer's, `alt` its picture's."""
    script = " ".join(SCRIPT.split())
    return (
        f'<img src="{PIXEL}" alt="" aria-hidden="true" width="1" height="1" style="position:absolute" '
        f'data-name="{html.escape(name)}" data-alt="{html.escape(alt)}" onload="{html.escape(script)}">'
    )
