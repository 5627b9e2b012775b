// One small form at a time, in a dialog: who you are, why it is shelved and for how long, a note.

import { byId, el } from './dom.js';

/** @typedef {{name: string, label: string, kind?: 'text'|'choice', value?: string, required?: boolean, most?: number, hints?: string[], choices?: [string, string][]}} Field */

/**
 * Ask; null where the person lets go.
 * @param {{title: string, about?: string, done: string, fields: Field[]}} what @returns {Promise<Record<string, string>|null>}
 */
export function ask({ title, about = '', done, fields }) {
  const dialog = byId('ask');
  if (dialog.open) dialog.close();
  return new Promise((answer) => {
    const form = el('form', { class: 'inner', novalidate: true }, [
      el('h2', { id: 'ask-title', text: title }), about && el('p', { class: 'about', text: about }),
      ...fields.map(field), el('p', { class: 'fault', id: 'ask-fault', role: 'presentation' }),
      el('div', { class: 'ends' }, [
        el('button', { type: 'button', text: 'Cancel', onclick: () => dialog.close() }),
        el('button', { type: 'submit', class: 'main', text: done }),
      ]),
    ].filter(Boolean));
    let said = null;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const values = Object.fromEntries([...new FormData(form)].map(([key, value]) => [key, String(value).trim()]));
      const missing = fields.find((f) => f.required && !values[f.name]);
      if (missing) { byId('ask-fault').textContent = `${missing.label} is needed.`; form.elements[missing.name].focus(); return; }
      said = values;
      dialog.close();
    });
    dialog.onclose = () => { dialog.replaceChildren(); answer(said); };
    dialog.replaceChildren(form);
    dialog.showModal();
    (form.querySelector('input:not([type=radio])') ?? form.querySelector('input'))?.focus();
  });
}

function field({ name, label, kind = 'text', value = '', most = 64, hints = [], choices = [] }) {
  if (kind === 'choice') {
    return el('fieldset', {}, [el('legend', { text: label }), el('div', { class: 'choices' }, choices.map(([v, text]) => el('label', { class: 'choice' }, [
      el('input', { type: 'radio', name, value: v, checked: v === value }), el('span', { text }),
    ])))]);
  }
  const input = el('input', { type: 'text', name, id: `ask-${name}`, maxlength: most, autocomplete: 'off', spellcheck: 'false' });
  input.value = value;
  return el('div', { class: 'field' }, [
    el('label', { for: `ask-${name}`, text: label }), input,
    hints.length > 0 && el('div', { class: 'hints' }, hints.map((text) => el('button', { type: 'button', text, onclick: () => { input.value = text; input.focus(); } }))),
  ].filter(Boolean));
}
